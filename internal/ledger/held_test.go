package ledger

import (
	"context"
	"errors"
	"testing"

	"meterledger/internal/meter"
)

// TestASenderHoldsLittleWhileOthersHoldMuch: those stand still, so that nobody looks at the verdicts
// that they got.
func TestASenderHoldsLittleWhileOthersHoldMuch(t *testing.T) {
	l := openLedger(t)
	if err := l.Register(t.Context(), "A", "Tan", "Road"); err != nil {
		t.Fatal(err)
	}
	const rows = 64 * submissionRows
	first := l.zone.Floor(l.now()) - rows
	l.held.Store(heldMax)
	b := l.Bulk(t.Context())
	for row := range rows {
		if err := b.Add(row+1, meter.Row{Meter: []byte("A"), Slot: first + meter.Slot(row)}); err != nil {
			t.Fatal(err)
		}
		if b.held > 2 { // one that is under way, and the next
			t.Fatalf("%d submissions are held after %d rows", b.held, row+1)
		}
	}
	if tally, err := b.Flush(); err != nil || tally.Accepted != rows {
		t.Errorf("%d rows were accepted, %v", tally.Accepted, err)
	}
	b = l.Bulk(t.Context())
	if err := b.Refuse(1, meter.Invalid(meter.CodeInvalidRow, "row", "is none")); err != nil {
		t.Fatal(err)
	}
	b.Close()
	if held := l.held.Load(); held != heldMax {
		t.Errorf("at the end %d submissions are held, want those %d of others", held, heldMax)
	}
}

func TestABulkEndsWithItsCaller(t *testing.T) {
	l := openLedger(t)
	ctx, cancel := context.WithCancel(t.Context())
	b := l.Bulk(ctx)
	cancel()
	for row := 1; ; row++ {
		err := b.Refuse(row, meter.Invalid(meter.CodeInvalidRow, "row", "is none"))
		if errors.Is(err, context.Canceled) {
			break
		}
		if err != nil || row > submissionRows {
			t.Fatalf("row %d was taken: %v", row, err)
		}
	}
}

// TestABulkThatEndsLeavesNothingBehind: its caller goes away while submissions are being queued, or nothing more comes.
func TestABulkThatEndsLeavesNothingBehind(t *testing.T) {
	l := openLedger(t)
	if err := l.Register(t.Context(), "A", "Tan", "Road"); err != nil {
		t.Fatal(err)
	}
	first := l.zone.Floor(l.now()) - 100*submissionRows
	for _, stays := range []bool{true, false} {
		ctx, cancel := context.WithCancel(t.Context())
		b := l.Bulk(ctx)
		var err error
		row := 0
		for ; err == nil && row < 50*submissionRows; row++ {
			if row == 20*submissionRows && !stays {
				cancel()
			}
			err = b.Add(row+1, meter.Row{Meter: []byte("A"), Slot: first + meter.Slot(row)})
		}
		var tally meter.Tally
		if err == nil {
			tally, err = b.Flush()
		}
		b.Close()
		if stays && (err != nil || tally.Accepted != row) || !stays && !errors.Is(err, context.Canceled) {
			t.Errorf("of %d rows %d were accepted: %v", row, tally.Accepted, err)
		}
		if held := l.held.Load(); held != 0 || b.queuer != nil {
			t.Errorf("at the end %d submissions are held, and they are queued by %v", held, b.queuer)
		}
		cancel()
		first += meter.Slot(row)
	}
}
