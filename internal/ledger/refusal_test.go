package ledger

import (
	"log/slog"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// openLedger opens one of its own that keeps refusals.
func openLedger(t *testing.T) *Ledger {
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
		FS: fs, DataDir: "data", Zone: zone, Log: slog.New(slog.DiscardHandler), RefusalsMax: 100,
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
