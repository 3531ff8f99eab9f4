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
