package ledger

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"meterledger/internal/cluster"
)

// TestWhatIsSaidOfTheRoomOfAnEngine is said once a change, and the gate is shut while there is little or none.
func TestWhatIsSaidOfTheRoomOfAnEngine(t *testing.T) {
	var log bytes.Buffer
	s := &shared{log: slog.New(slog.NewTextHandler(&log, nil))}
	for n, seen := range []struct {
		cluster.Usage
		says string // once, in the log
		full bool
	}{
		{cluster.Usage{Bytes: 70, Max: 100}, "", false},
		{cluster.Usage{Bytes: 80, Max: 100}, "nearly full", true},
		{cluster.Usage{Bytes: 81, Max: 100}, "", true},
		{cluster.Usage{Bytes: 99, Max: 100, Refuses: true}, "alarm disarm", true},
		{cluster.Usage{Bytes: 10, Max: 100, Refuses: true}, "", true},
		{cluster.Usage{Bytes: 10, Max: 100}, "room again", false},
		{cluster.Usage{Bytes: 10, Max: 100, Refuses: true}, "alarm disarm", true},
		{cluster.Usage{Bytes: 90, Max: 100}, "", true},
		{cluster.Usage{Bytes: 10, Max: 100}, "room again", false},
	} {
		log.Reset()
		s.sawUsage(seen.Usage)
		if said := log.String(); said == "" != (seen.says == "") || !strings.Contains(said, seen.says) || s.engineFull.Load() != seen.full {
			t.Errorf("step %d: the gate is shut: %v, and the log says %q", n, s.engineFull.Load(), said)
		}
	}
}
