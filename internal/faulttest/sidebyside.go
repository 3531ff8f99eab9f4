package faulttest

import (
	"runtime"
	"sync"
	"sync/atomic"
)

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
