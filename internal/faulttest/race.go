//go:build race

package faulttest

// raceFactor makes samples sparser under the race detector, where a place takes so
// much longer.
const raceFactor = 4
