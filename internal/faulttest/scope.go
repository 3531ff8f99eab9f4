package faulttest

import "os"

// Whole reports whether proofs go through every place instead of a sample.
func Whole() bool { return os.Getenv("PROOFS") == "whole" }

// Every is how far apart the places of a proof lie: 1 where it is whole, and else
// as given, or more under the race detector.
func Every(sample int) int { return EveryOf(sample, 1) }

// EveryOf is Every for a proof that has to be content with a sample even where it
// is whole.
func EveryOf(sample, whole int) int {
	if Whole() {
		return whole
	}
	return sample * raceFactor
}
