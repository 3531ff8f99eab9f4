package billing_test

import (
	"testing"

	"meterledger/internal/billing"
	"meterledger/internal/meter"
)

// point is a register in thousandths of a kWh.
func point(s meter.Slot, thousandths int64) meter.Point {
	register, ok := meter.KWhFromParts(thousandths, 3)
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
	f := billing.Figures{Start: point(100, 5_000), End: point(200, 7_500), Readings: 101, Expected: 101}
	if f.Consumption().String() != "2.5" || !f.Complete() {
		t.Errorf("%v kWh, complete is %v", f.Consumption(), f.Complete())
	}
	f.Readings--
	if f.Complete() {
		t.Error("complete with one reading too few")
	}
}
