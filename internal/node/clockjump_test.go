package node_test

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/closing"
	"meterledger/internal/meter"
)

// TestAClockThatJumpsAheadClosesNoMonthThatHasNotEnded puts the clock forward by weeks while
// the api runs.
func TestAClockThatJumpsAheadClosesNoMonthThatHasNotEnded(t *testing.T) {
	steady := now // 2026-11-23
	b := &bench{t: t, fs: vfs.NewMem(), zone: loadZone(t, "Asia/Singapore"), now: now, steady: func() time.Time { return steady }}
	b.open()
	defer func() { b.close() }()
	b.register("A")
	b.recordRows([]string{"A 2026-10-10T00:00 1", "A 2026-11-23T10:00 2"})
	november := closing.Request{Kind: closing.Monthly, Month: october.Month.Add(1)}
	closes := func(q closing.Request) meter.Code {
		run, err := b.Start(q)
		if err != nil {
			return code(t, err)
		}
		<-run.Done()
		return code(t, run.Err)
	}
	if got := closes(november); got != meter.CodeInvalidParameter {
		t.Errorf("before the jump: %q", got)
	}
	b.now = now.AddDate(0, 0, 9) // 2026-12-02
	if got := closes(november); got != meter.CodeNotReady {
		t.Errorf("after the jump: %q", got)
	}
	if _, err := b.Bill("A", november.Month); code(t, err) != meter.CodeBillNotFound {
		t.Errorf("November has a bill: %v", err)
	}
	if got := closes(october); got != "" {
		t.Errorf("October has ended long ago: %q", got)
	}
	b.recordRows([]string{"A 2026-12-01T00:00 3"}) // somebody else says that December has begun
	if got := closes(november); got != "" {
		t.Errorf("once a reading of December has come: %q", got)
	}
}

// TestAMonthOfSilentMetersIsClosed lets the time pass, and no reading comes.
func TestAMonthOfSilentMetersIsClosed(t *testing.T) {
	for name, pass := range map[string]func(b *bench){
		"while the api runs": func(b *bench) { b.now = now.AddDate(0, 0, 9); b.steady = func() time.Time { return b.now } },
		"while it does not": func(b *bench) {
			b.now = now.AddDate(0, 0, 9)
			b.steady = func() time.Time { return b.now }
			b.restart()
		},
		"the clock being slewed": func(b *bench) { b.now = time.Date(2026, time.November, 30, 16, 2, 0, 0, time.UTC) },
	} {
		t.Run(name, func(t *testing.T) {
			b := &bench{t: t, fs: vfs.NewMem(), zone: loadZone(t, "Asia/Singapore"), now: now}
			b.steady = func() time.Time { return b.now.Add(-4 * time.Minute) }
			b.open()
			defer func() { b.close() }()
			b.register("A")
			b.recordRows([]string{"A 2026-10-10T00:00 1"})
			pass(b)
			b.closes(october.Month.Add(1))
		})
	}
}
