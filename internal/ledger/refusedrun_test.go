package ledger

import (
	"errors"
	"testing"

	"meterledger/internal/meter"
)

// TestWhoSendsNoReadingsIsToldTheLastRowThatWasTaken gives rows together, of which the last may not be taken any more: who goes on
// behind a row that was not counted would lose those between.
func TestWhoSendsNoReadingsIsToldTheLastRowThatWasTaken(t *testing.T) {
	for _, together := range []int{1, blockRowsMin - 1, blockRowsMin, BlockRows} {
		b := openLedger(t).Bulk(t.Context())
		block := make([]meter.Row, together)
		for i := range block {
			block[i] = meter.Row{Meter: []byte("nobody"), Slot: 997_000}
		}
		given := 0
		for err := error(nil); err == nil; given += together {
			if err = b.AddAll(given+1, block); err != nil && !errors.Is(err, ErrTooManyRefusals) {
				t.Fatal(err)
			}
			if given > 2*meter.RefusedRunMax {
				t.Fatal("all rows are taken")
			}
		}
		if tally, err := b.Flush(); !errors.Is(err, ErrTooManyRefusals) || tally.Refused != b.Last() || b.Last() > given {
			t.Errorf("%d together: of %d rows %d were refused, up to row %d: %v", together, given, tally.Refused, b.Last(), err)
		}
	}
}
