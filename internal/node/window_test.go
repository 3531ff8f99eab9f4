package node_test

import (
	"context"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"meterledger/internal/closing"
	"meterledger/internal/meter"
	"meterledger/internal/vee"
)

var windowZones = []string{"Asia/Singapore", "Europe/London", "Australia/Lord_Howe", "America/New_York"}

// fill gives meter A a reading at each slot of a window that keep lets through,
// and archives some of its months.
func (b *bench) fill(rt *rapid.T, w meter.Window, keep func(meter.Slot) bool) {
	b.register("A")
	var readings []meter.Reading
	register := decimal.NewFromInt(1000)
	for slot := w.From; slot <= w.To; slot++ {
		register = register.Add(decimal.New(rapid.Int64Range(0, 3000).Draw(rt, "used"), -3))
		if keep(slot) {
			readings = append(readings, meter.Reading{Meter: "A", Slot: slot, Register: kwh(rt, register.String())})
		}
	}
	if _, err := b.RecordMany(context.Background(), readings); err != nil {
		rt.Fatal(err)
	}
	for month := b.zone.MonthOf(w.From); month.Before(b.zone.MonthOf(w.To)); month = month.Add(1) {
		if rapid.Bool().Draw(rt, "archived") {
			if run := b.maintain(closing.Request{Kind: closing.Monthly, Month: month}); run.Err != nil {
				rt.Fatal(run.Err)
			}
		}
	}
}

// used asks for the consumption of a window, which must be known.
func (b *bench) used(rt *rapid.T, w meter.Window) decimal.Decimal {
	c, err := b.Consumption("A", w, vee.None)
	if err != nil {
		rt.Fatal(err)
	}
	return c.Energy().Decimal
}

func TestDaysOfAnyMonthAddUpToTheMonth(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := newBench(t, rapid.SampledFrom(windowZones).Draw(rt, "zone"))
		defer b.close()
		month := meter.Month{Year: 2026, Month: time.Month(rapid.IntRange(1, 10).Draw(rt, "month"))}
		whole := b.zone.MonthWindow(month)
		b.fill(rt, whole, func(meter.Slot) bool { return true })
		sum := decimal.Zero
		for day := month.FirstDay(); day.CalendarMonth() == month; day = day.AddDays(1) {
			sum = sum.Add(b.used(rt, b.zone.DayWindow(day)))
		}
		if want := b.used(rt, whole); !sum.Equal(want) {
			rt.Fatalf("the days of %s in %s add up to %s, the month is %s", month, b.zone, sum, want)
		}
	})
}

func TestAdjacentWindowsAddUpWhereTheirBoundariesAreRead(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := newBench(t, rapid.SampledFrom(windowZones).Draw(rt, "zone"))
		defer b.close()
		whole := b.zone.MonthWindow(meter.Month{Year: 2026, Month: 9})
		whole.From -= 100 // into the month before
		from := whole.From + meter.Slot(rapid.IntRange(0, 500).Draw(rt, "from"))
		middle := from + meter.Slot(rapid.IntRange(1, 500).Draw(rt, "middle"))
		to := middle + meter.Slot(rapid.IntRange(1, 500).Draw(rt, "to"))
		b.fill(rt, whole, func(s meter.Slot) bool {
			return s == from || s == middle || s == to || rapid.IntRange(0, 3).Draw(rt, "gap") > 0
		})
		first, second := meter.Window{From: from, To: middle}, meter.Window{From: middle, To: to}
		sum := b.used(rt, first).Add(b.used(rt, second))
		if want := b.used(rt, meter.Window{From: from, To: to}); !sum.Equal(want) {
			rt.Fatalf("the halves add up to %s, the whole is %s", sum, want)
		}
	})
}
