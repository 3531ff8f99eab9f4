//go:build race

package faulttest

// raceFactor makes samples sparser under the race detector, which takes so much longer for a place.
const raceFactor = 4
