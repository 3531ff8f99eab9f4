package node_test

import (
	"flag"
	"os"
	"runtime/debug"
	"testing"

	"meterledger/internal/faulttest"
)

// TestMain collects garbage less often: disks in memory come and go by the thousand, and half of the time went into that. What
// a run may take is bounded all the same. And it goes through a part of the random lives if the proofs are not whole.
func TestMain(m *testing.M) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
		debug.SetMemoryLimit(2 << 30)
	}
	if !faulttest.Whole() {
		if err := flag.Set("rapid.checks", "40"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
