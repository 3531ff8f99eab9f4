// Package e2e tests the three programs as their users meet them: built, started
// on free ports and temporary folders, fed over HTTP with the readings of real
// households, killed, restarted, and compared with a naive model in decimals.
// It holds tests only.
package e2e
