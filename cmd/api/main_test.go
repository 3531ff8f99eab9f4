package main

import (
	"errors"
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
