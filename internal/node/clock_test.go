package node_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/meter"
	"meterledger/internal/node"
)

// TestAClockBehindWhatWasWrittenTakesNoNewReading takes the time of writing through a
// snapshot and through the journal.
func TestAClockBehindWhatWasWrittenTakesNoNewReading(t *testing.T) {
	for name, again := range map[string]func(*bench){"snapshot": (*bench).restart, "journal": (*bench).kill, "no restart": func(*bench) {}} {
		t.Run(name, func(t *testing.T) {
			b := &bench{t: t, fs: vfs.NewCrashableMem(), zone: loadZone(t, "Asia/Singapore"), now: now}
			b.open()
			defer func() { b.close() }()
			b.register("A")
			if code := b.record("A", "2026-11-23T10:00", "5"); code != "" {
				t.Fatal(code)
			}
			b.now = now.Add(-5*time.Minute - 10*time.Second) // and what the entry of the journal may be late
			again(b)
			if code := b.record("A", "2026-11-23T09:30", "4"); code != meter.CodeNotReady {
				t.Errorf("a new reading by a clock that lies behind: %q", code)
			}
			if code := b.record("A", "2026-11-23T10:00", "5"); code != "" {
				t.Errorf("the recorded one: %q", code)
			}
			if reason := meter.ReasonOf(b.Ready()); reason != meter.ReasonClockBehind {
				t.Errorf("the reason is %q", reason)
			}
			b.now = now.Add(-5 * time.Minute)
			if code := b.record("A", "2026-11-23T09:30", "4"); code != "" {
				t.Errorf("five minutes behind: %q", code)
			}
		})
	}
}

func TestAClockBeforeEverythingTakesNoReadingInAnyZone(t *testing.T) {
	for _, zone := range []string{"America/Los_Angeles", "Asia/Singapore"} {
		b := &bench{t: t, fs: vfs.NewMem(), zone: loadZone(t, zone), now: time.Unix(100, 0)}
		b.open()
		if err := b.Register(t.Context(), "A", "Tan", "Road"); meter.ReasonOf(err) != meter.ReasonClockBehind {
			t.Errorf("%s: a registration in 1970: %v", zone, err)
		}
		if err := b.ResumeTrusting(t.Context()); err != nil {
			t.Error(err)
		}
		b.register("A")
		if code := b.record("A", "2099-01-01T00:00", "1"); code != meter.CodeInvalidTimestamp {
			t.Errorf("%s: a reading of 2099 in 1970: %q", zone, code)
		}
		b.close()
	}
}

// TestAWrongClockIsLoggedOnce counts lines while many readings are refused.
func TestAWrongClockIsLoggedOnce(t *testing.T) {
	b := newBench(t, "Asia/Singapore")
	b.register("A")
	b.close()
	b.now = now.Add(-time.Hour)
	var log bytes.Buffer
	o := b.options()
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	var err error
	if b.Node, err = node.Open(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	defer b.close()
	for range 3 {
		b.record("A", "2026-11-23T09:00", "4")
	}
	if n := strings.Count(log.String(), "the clock lies behind"); n != 1 {
		t.Errorf("it is logged %d times: %s", n, &log)
	}
	b.now = now
	if code := b.record("A", "2026-11-23T09:00", "4"); code != "" {
		t.Errorf("with a right clock: %q", code)
	}
	if n := strings.Count(log.String(), "the clock is right again"); n != 1 {
		t.Errorf("its end is logged %d times: %s", n, &log)
	}
}
