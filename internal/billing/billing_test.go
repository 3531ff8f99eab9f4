package billing_test

import (
	"testing"

	"meterledger/internal/billing"
	"meterledger/internal/meter"
)

// point is a register in thousandths of a kWh.
func point(s meter.Slot, thousandths int64) meter.Point {
	register, ok := meter.RegisterFromParts(thousandths, 3)
	if !ok {
		panic("BUG: no register")
	}
	return meter.Point{Slot: s, Register: register}
}

func TestABillOpensWhereTheOneBeforeItClosed(t *testing.T) {
	closed, first := point(100, 5_000), point(120, 6_000)
	if got := billing.Opening(closed, true, first); got != closed {
		t.Errorf("it opens with %v", got)
	}
	if got := billing.Opening(meter.Point{}, false, first); got != first {
		t.Errorf("a first bill opens with %v", got)
	}
}

func TestFiguresSayWhatWasUsedAndWhetherAllOfItWasRead(t *testing.T) {
	for _, c := range []struct {
		name        string
		figures     billing.Figures
		consumption string
		complete    bool
	}{
		{"half of the month", billing.Figures{Start: point(150, 5_000), End: point(200, 7_500), Readings: 51, Expected: 101}, "2.5", false},
		{"all but one", billing.Figures{Start: point(100, 5_000), End: point(200, 7_500), Readings: 100, Expected: 101}, "2.5", false},
		{"all of it", billing.Figures{Start: point(200, 7_500), End: point(400, 12_000), Readings: 101, Expected: 101}, "4.5", true},
		{"one reading behind an earlier month", billing.Figures{Start: point(400, 12_000), End: point(450, 12_250), Readings: 1, Expected: 101}, "0.25", false},
		{"one reading in all", billing.Figures{Start: point(150, 5_000), End: point(150, 5_000), Readings: 1, Expected: 101}, "0", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.figures.Consumption().String(); got != c.consumption {
				t.Errorf("it is for %s kWh, want %s", got, c.consumption)
			}
			if c.figures.Complete() != c.complete {
				t.Errorf("complete: %v, want %v", c.figures.Complete(), c.complete)
			}
		})
	}
}
