package billing_test

import (
	"fmt"
	"slices"
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

func TestABillHasALineForEachDialAndTheyAddUpToIt(t *testing.T) {
	at := func(s meter.Slot, more meter.Instant) meter.Instant { return s.Instant() + more }
	kWh := func(thousandths int64) meter.Register { return point(0, thousandths).Register }
	exchange := func(at meter.Instant, from, to int64, serial string) meter.Change {
		return meter.Change{At: at, Kind: meter.Exchange, Old: kWh(from), New: kWh(to), Serial: serial}
	}
	reset := meter.Change{At: at(140, 7), Kind: meter.Reset, Old: kWh(900), New: kWh(0)}
	rollover := meter.Change{At: at(120, 0), Kind: meter.Rollover, Old: kWh(1_000)}
	for _, c := range []struct {
		name    string
		figures billing.Figures
		want    []string
	}{
		{"one dial", billing.Figures{Start: point(100, 5_000), End: point(200, 7_500), Serial: "S-1"}, []string{"S-1 5 to 7.5 is 2.5"}},
		{
			"an exchange for a meter that is higher",
			billing.Figures{
				Start: point(100, 5_000), End: point(200, 90_250), Serial: "S-1",
				Changes: meter.NewDials([]meter.Change{exchange(at(110, 60), 5_500, 90_000, "S-2")}),
			},
			[]string{"S-1 5 to 5.5 is 0.5", "S-2 90 to 90.25 is 0.25"},
		},
		{
			"a rollover is no line, a reset is one of the same meter, a meter may have no serial",
			billing.Figures{
				Start: point(100, 998), End: point(200, 12),
				Changes: meter.NewDials([]meter.Change{rollover, exchange(at(130, 0), 5, 800, "S-2"), reset, exchange(at(150, 1), 3, 10, "")}),
			},
			[]string{" 0.998 to 0.005 is 0.007", "S-2 0.8 to 0.9 is 0.1", "S-2 0 to 0.003 is 0.003", " 0.01 to 0.012 is 0.002"},
		},
	} {
		var got []string
		sum := meter.Energy{}
		before := billing.Reading{At: c.figures.Start.Slot.Instant()}
		for _, line := range c.figures.Lines() {
			got = append(got, fmt.Sprintf("%s %v to %v is %v", line.Serial, line.Start.Register, line.End.Register, line.Energy))
			sum.Decimal = sum.Add(line.Energy.Decimal)
			if line.Start.At != before.At {
				t.Errorf("%s: a line begins at %d, the one before ends at %d", c.name, line.Start.At, before.At)
			}
			before = line.End
		}
		if !slices.Equal(got, c.want) || before.At != c.figures.End.Slot.Instant() {
			t.Errorf("%s: %q until %d, want %q", c.name, got, before.At, c.want)
		}
		if !sum.Equal(c.figures.Consumption().Decimal) {
			t.Errorf("%s: the lines add up to %v, the bill is for %v", c.name, sum, c.figures.Consumption())
		}
	}
}
