package node_test

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain collects garbage less often: disks in memory come and go by the thousand, and half of the time went into that. What
// a run may take is bounded all the same.
func TestMain(m *testing.M) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
		debug.SetMemoryLimit(3 << 30)
	}
	os.Exit(m.Run())
}
