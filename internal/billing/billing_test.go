package billing_test

import (
	"slices"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"meterledger/internal/billing"
	"meterledger/internal/meter"
)

func month(text string) meter.Month {
	m, ok := meter.ParseMonth(text)
	if !ok {
		panic("BUG: " + text + " is no month")
	}
	return m
}

// point is a register in thousandths of a kWh.
func point(s meter.Slot, thousandths int64) meter.Point {
	register, ok := meter.KWhFromParts(thousandths, 3)
	if !ok {
		panic("BUG: no register")
	}
	return meter.Point{Slot: s, Register: register}
}

func TestBillsOfClosedMonths(t *testing.T) {
	// Windows of 101 points; nothing came in August, and October began late.
	july := billing.Closed{Month: month("2026-07"), Window: meter.Window{From: 100, To: 200}, Readings: 51, First: point(150, 5_000), Last: point(200, 7_500)}
	september := billing.Closed{Month: month("2026-09"), Window: meter.Window{From: 300, To: 400}, Readings: 101, First: point(300, 9_000), Last: point(400, 12_000)}
	october := billing.Closed{Month: month("2026-10"), Window: meter.Window{From: 400, To: 500}, Readings: 1, First: point(450, 12_250), Last: point(450, 12_250)}
	closed := []billing.Closed{july, september, october}

	for _, c := range []struct {
		name, month string
		want        billing.Bill
		consumption string
		complete    bool
	}{
		{
			"the first opens with the first reading", "2026-07",
			billing.Bill{Month: july.Month, Start: july.First, End: july.Last, Readings: 51, Expected: 101},
			"2.5", false,
		},
		{
			"a later one opens where the last closed, over a month without readings", "2026-09",
			billing.Bill{Month: september.Month, Start: july.Last, End: september.Last, Readings: 101, Expected: 101},
			"4.5", true,
		},
		{
			"one reading is enough for a later one", "2026-10",
			billing.Bill{Month: october.Month, Start: september.Last, End: october.Last, Readings: 1, Expected: 101},
			"0.25", false,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			bill, ok := billing.For(month(c.month), closed)
			if !ok || bill != c.want {
				t.Fatalf("the bill is %+v, %v; want %+v", bill, ok, c.want)
			}
			if got := bill.Consumption().String(); got != c.consumption {
				t.Errorf("it is for %s kWh, want %s", got, c.consumption)
			}
			if bill.Complete() != c.complete {
				t.Errorf("complete: %v, want %v", bill.Complete(), c.complete)
			}
		})
	}
}

func TestAMonthWithoutReadingsHasNoBill(t *testing.T) {
	closed := []billing.Closed{{Month: month("2026-07"), Readings: 1}}
	for _, m := range []string{"2026-06", "2026-08", "2027-07"} {
		if bill, ok := billing.For(month(m), closed); ok {
			t.Errorf("%s has the bill %+v", m, bill)
		}
	}
	if bill, ok := billing.For(month("2026-07"), nil); ok {
		t.Errorf("a meter without readings has the bill %+v", bill)
	}
}

func TestAMeterWithOneReadingIsBilledForNothing(t *testing.T) {
	only := point(150, 5_000)
	bill, ok := billing.For(month("2026-07"), []billing.Closed{
		{Month: month("2026-07"), Window: meter.Window{From: 100, To: 200}, Readings: 1, First: only, Last: only},
	})
	if !ok || bill.Consumption().Sign() != 0 || bill.Start != only || bill.End != only {
		t.Errorf("the bill is %+v, %v", bill, ok)
	}
}

// anyClosed draws the closed months of one meter whose register rises, some months
// and readings being missing. Each month's first register may be the last one's last.
func anyClosed() *rapid.Generator[[]billing.Closed] {
	return rapid.Custom(func(t *rapid.T) (closed []billing.Closed) {
		registers := rapid.SliceOfN(rapid.Int64Range(0, 999_999_999_999_999_999), 48, 48).Draw(t, "registers")
		slices.Sort(registers)
		scale := rapid.Uint8Range(0, 9).Draw(t, "scale")
		at := func(i int) meter.Point {
			register, _ := meter.KWhFromParts(registers[i], scale)
			return meter.Point{Slot: meter.Slot(i), Register: register}
		}
		for n := range 12 {
			if rapid.IntRange(0, 3).Draw(t, "missing") == 0 {
				continue
			}
			window := meter.Window{From: meter.Slot(4 * n), To: meter.Slot(min(4*n+4, 47))}
			first := rapid.IntRange(int(window.From), int(window.To)).Draw(t, "first")
			last := rapid.IntRange(first, int(window.To)).Draw(t, "last")
			closed = append(closed, billing.Closed{
				Month: meter.Month{Year: 2026, Month: time.January}.Add(n), Window: window,
				Readings: rapid.IntRange(1, last-first+1).Draw(t, "readings"), First: at(first), Last: at(last),
			})
		}
		return closed
	})
}

func TestConsecutiveBillsAddUpToTheRegistersAdvance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		closed := anyClosed().Draw(t, "closed")
		var previous billing.Bill
		total := decimal.Zero
		for i, c := range closed {
			bill, ok := billing.For(c.Month, closed)
			if !ok {
				t.Fatalf("%v has no bill", c.Month)
			}
			if i > 0 && bill.Start != previous.End {
				t.Fatalf("the bill of %v opens at %v, the one before closed at %v", c.Month, bill.Start, previous.End)
			}
			if bill.Consumption().IsNegative() {
				t.Fatalf("the bill of %v is for %v kWh", c.Month, bill.Consumption())
			}
			if bill.Complete() != (c.Readings == c.Window.Points()) {
				t.Fatalf("the bill of %v: complete is %v with %d readings", c.Month, bill.Complete(), c.Readings)
			}
			total, previous = total.Add(bill.Consumption().Decimal), bill
		}
		if len(closed) == 0 {
			return
		}
		advance := closed[len(closed)-1].Last.Register.Sub(closed[0].First.Register).Decimal
		if !total.Equal(advance) {
			t.Fatalf("the bills add up to %v kWh, the register advanced by %v", total, advance)
		}
	})
}
