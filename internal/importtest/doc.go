// Package importtest holds the plan of the house as a test: which package may
// import which. It promises that imports point down only, that rooms on one
// floor do not know each other, and that no chain of them is long.
package importtest
