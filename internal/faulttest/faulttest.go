// Package faulttest holds what the proofs by fault share: disks that crash, lie damaged or fail, and a way to
// go through very many of them.
//
// A proof goes through every place at which something can break. That takes minutes, so by default it goes
// through a sample that is spread evenly, and through all of them if PROOFS=whole is in the environment, as
// make proofs has it.
package faulttest

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"
)

// Whole reports whether proofs go through every place instead of a sample.
func Whole() bool { return os.Getenv("PROOFS") == "whole" }

// Every is how far apart the places of a proof lie: 1 if it is whole, and else sample, or more under the race
// detector.
func Every(sample int) int { return EveryOf(sample, 1) }

// EveryOf is Every for a proof that goes through a sample even if it is whole.
func EveryOf(sample, whole int) int {
	if Whole() {
		return whole
	}
	return sample * raceFactor
}

// SideBySide calls work with 0 to n-1, as many at a time as there are cores, until
// all are done or one fails. It returns the first error.
func SideBySide(n int, work func(i int) error) error {
	var next atomic.Int64
	var failed atomic.Bool
	var once sync.Once
	var failure error
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && !failed.Load(); i = int(next.Add(1)) - 1 {
				if err := work(i); err != nil {
					once.Do(func() { failure = err })
					failed.Store(true)
				}
			}
		})
	}
	group.Wait()
	return failure
}
