package main

import (
	"errors"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"
)

func TestAfterAFailureTheProgramEndsWithinASecondWhateverGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failure := errors.New("fsync failed")
		began := time.Now()
		if err := afterFailure(failure, make(chan error)); !errors.Is(err, failure) {
			t.Errorf("error %v", err)
		}
		if took := time.Since(began); took >= time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestWhileASnapshotIsReadTheHeapIsCollectedAsSeldomAsAskedOrSeldomer(t *testing.T) {
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	for set, want := range map[int]int{100: 400, 50: 400, 800: 800, -1: -1} {
		debug.SetGCPercent(set)
		end := collectSeldom()
		if got := debug.SetGCPercent(want); got != want {
			t.Errorf("GOGC=%d: %d meanwhile, want %d", set, got, want)
		}
		end()
		if got := debug.SetGCPercent(set); got != set {
			t.Errorf("GOGC=%d: %d afterwards", set, got)
		}
	}
}
