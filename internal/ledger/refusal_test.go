package ledger

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// openLedger opens one of its own that keeps refusals.
func openLedger(t *testing.T) *Ledger { return openLoggedLedger(t, slog.New(slog.DiscardHandler)) }

func openLoggedLedger(t *testing.T, log *slog.Logger) *Ledger {
	t.Helper()
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		t.Fatal(err)
	}
	fs := vfs.NewMem()
	if err := fs.MkdirAll("data", 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := Open(t.Context(), Options{
		FS: fs, DataDir: "data", Zone: zone, Log: log, RefusalsMax: 100,
		Now: func() time.Time { return time.Date(2026, time.November, 23, 2, 10, 0, 0, time.UTC) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// TestWithoutRoomInTheQueueRefusalsAreOnlyCounted fills the half of the queue that refusals may
// use. The meter gets its answer all the same.
func TestWithoutRoomInTheQueueRefusalsAreOnlyCounted(t *testing.T) {
	l := openLedger(t)
	if err := l.Register(t.Context(), "A", "Tan", "Road"); err != nil {
		t.Fatal(err)
	}
	slot := l.zone.Floor(l.now())
	record := func(digits int64) meter.Code {
		register, _ := meter.RegisterFromParts(digits, 0)
		_, err := l.Record(t.Context(), meter.Reading{Meter: "A", Slot: slot, Register: register})
		return meter.CodeOf(err)
	}
	record(5)
	if err := l.committer.quota.take(t.Context(), unheard.bytesMax, steady, nil); err != nil {
		t.Fatal(err)
	}
	if got := record(6); got != meter.CodeReadingConflict {
		t.Errorf("it was answered %q", got)
	}
	l.committer.quota.give(unheard.bytesMax)
	wantKept(t, l, 0, 1)
	if got := record(7); got != meter.CodeReadingConflict {
		t.Errorf("it was answered %q", got)
	}
	wantKept(t, l, 1, 1)
}

// wantKept waits for what nobody waits for.
func wantKept(t *testing.T, l *Ledger, kept int, dropped uint64) {
	t.Helper()
	if _, err := l.Ask(t.Context(), store.AppendRefusals(nil, 100, nil), 1); err != nil {
		t.Fatal(err)
	}
	if got := l.store.Refusals().Kept; got != kept || l.keeper.dropped.Get() != dropped {
		t.Errorf("%d are kept, want %d, and %d were dropped, want %d", got, kept, l.keeper.dropped.Get(), dropped)
	}
}

// TestLogTellsOnceAMinuteHowManyReadingsWereRefused sends what is wrong one by one and in bulk.
func TestLogTellsOnceAMinuteHowManyReadingsWereRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := openLoggedLedger(t, slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn})))
		if err := l.Register(t.Context(), "A", "Tan", "Road"); err != nil {
			t.Fatal(err)
		}
		last := l.zone.Floor(l.now())
		kwh := func(digits int64) meter.Register {
			register, _ := meter.RegisterFromParts(digits, 0)
			return register
		}
		for _, r := range []meter.Reading{
			{Meter: "A", Slot: last - 1, Register: kwh(50)},
			{Meter: "A", Slot: last, Register: kwh(7)},
			{Meter: "A", Slot: last - 1, Register: kwh(51)},
			{Meter: "A", Slot: last - 2, Register: kwh(51)},
			{Meter: "A", Slot: last - 1, Register: kwh(50)}, // a duplicate
			{Meter: "A", Slot: last + 48, Register: kwh(99)},
			{Meter: "X", Slot: last, Register: kwh(1)},
		} {
			l.Record(t.Context(), r)
		}
		for n, b := range []*Bulk{l.Bulk(t.Context()), l.Restore(t.Context())} { // of a restore the answer tells
			if err := b.Add(1, meter.Row{Meter: []byte("A"), Slot: last, Register: kwh(8)}); err != nil {
				t.Fatal(err)
			}
			if tally, err := b.Flush(); tally.Refused != 1 || err != nil {
				t.Errorf("bulk %d: %+v, %v", n, tally, err)
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		const want = `level=WARN msg="readings were refused in the last minute" readings=4 code.reading_conflict=1 code.reading_decreases=3` + "\n"
		if got := out.String(); !strings.HasSuffix(got, want) || strings.Count(got, "\n") != 1 {
			t.Errorf("after a minute:\n%s", got)
		}
		time.Sleep(time.Hour) // in which nothing is refused
		if got := out.String(); strings.Count(got, "\n") != 1 {
			t.Errorf("after an hour:\n%s", got)
		}
	})
}
