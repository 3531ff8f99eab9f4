//go:build drill

package main

import (
	"os"
	"time"
)

// now is a clock that is as far ahead of this machine's as CLOCK_AHEAD says: a drill sees what a wrong one does.
func now() time.Time { return time.Now().Add(ahead) }

var ahead = func() time.Duration {
	text := os.Getenv("CLOCK_AHEAD")
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		panic("CLOCK_AHEAD: " + err.Error())
	}
	return d
}()
