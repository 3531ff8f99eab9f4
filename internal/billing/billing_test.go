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

// version is what a closing found; it was closed so many hours after 1970.
func version(closing uint32, readings int, first, last meter.Point) billing.Version {
	return billing.Version{
		Closing:  billing.Closing{Number: closing, At: time.Unix(int64(closing)*3600, 0)},
		Readings: readings, First: first, Last: last,
	}
}

func TestLateReadingsReviseABillAndTheOneThatOpensWhereItCloses(t *testing.T) {
	july := billing.Closed{Month: month("2026-07"), Window: meter.Window{From: 100, To: 200}, Versions: []billing.Version{
		version(1, 2, point(150, 5_000), point(160, 6_000)),
		version(4, 3, point(150, 5_000), point(200, 8_000)), // its end came late
		version(5, 4, point(150, 5_000), point(200, 8_000)), // one in between
	}}
	august := billing.Closed{Month: month("2026-08"), Window: meter.Window{From: 200, To: 300}, Versions: []billing.Version{
		version(2, 0, meter.Point{}, meter.Point{}), // nothing of the meter yet
		version(6, 1, point(250, 8_500), point(250, 8_500)),
	}}
	september := billing.Closed{Month: month("2026-09"), Window: meter.Window{From: 300, To: 400}, Versions: []billing.Version{
		version(3, 1, point(350, 9_000), point(350, 9_000)),
	}}
	closed := []billing.Closed{july, august, september}
	for _, c := range []struct {
		month            string
		revision, hour   int
		consumption, was string
	}{
		{"2026-07", 3, 5, "3", "3"},
		{"2026-08", 1, 0, "0.5", ""},
		{"2026-09", 3, 6, "0.5", "1"},
	} {
		bill, ok := billing.For(month(c.month), closed)
		if !ok || bill.Revision != c.revision || bill.Consumption().String() != c.consumption {
			t.Errorf("%s: %+v, %v", c.month, bill, ok)
			continue
		}
		if c.was == "" {
			if bill.Previous != nil || !bill.RevisedAt.IsZero() {
				t.Errorf("%s: %+v", c.month, bill)
			}
			continue
		}
		if got := bill.Previous.Consumption().String(); got != c.was || bill.RevisedAt.Unix() != int64(c.hour)*3600 {
			t.Errorf("%s was revised at %v from %s kWh, want hour %d from %s", c.month, bill.RevisedAt, got, c.hour, c.was)
		}
	}
}

func TestBillsOfClosedMonths(t *testing.T) {
	// Windows of 101 points; nothing came in August, and October began late.
	july := version(1, 51, point(150, 5_000), point(200, 7_500))
	september := version(2, 101, point(300, 9_000), point(400, 12_000))
	october := version(3, 1, point(450, 12_250), point(450, 12_250))
	closed := []billing.Closed{
		{Month: month("2026-07"), Window: meter.Window{From: 100, To: 200}, Versions: []billing.Version{july}},
		{Month: month("2026-09"), Window: meter.Window{From: 300, To: 400}, Versions: []billing.Version{september}},
		{Month: month("2026-10"), Window: meter.Window{From: 400, To: 500}, Versions: []billing.Version{october}},
	}

	for _, c := range []struct {
		name, month string
		want        billing.Figures
		consumption string
		complete    bool
	}{
		{
			"the first opens with the first reading", "2026-07",
			billing.Figures{Start: july.First, End: july.Last, Readings: 51, Expected: 101},
			"2.5", false,
		},
		{
			"a later one opens where the last closed, over a month without readings", "2026-09",
			billing.Figures{Start: july.Last, End: september.Last, Readings: 101, Expected: 101},
			"4.5", true,
		},
		{
			"one reading is enough for a later one", "2026-10",
			billing.Figures{Start: september.Last, End: october.Last, Readings: 1, Expected: 101},
			"0.25", false,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			bill, ok := billing.For(month(c.month), closed)
			if !ok || bill.Figures != c.want || bill.Month != month(c.month) || bill.Revision != 1 || bill.Previous != nil {
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
	closed := []billing.Closed{{Month: month("2026-07"), Versions: []billing.Version{version(1, 1, meter.Point{}, meter.Point{})}}}
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
		{Month: month("2026-07"), Window: meter.Window{From: 100, To: 200}, Versions: []billing.Version{version(1, 1, only, only)}},
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
				Versions: []billing.Version{version(uint32(n+1), rapid.IntRange(1, last-first+1).Draw(t, "readings"), at(first), at(last))},
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
			if bill.Complete() != (c.Versions[0].Readings == c.Window.Points()) {
				t.Fatalf("the bill of %v: complete is %v with %d readings", c.Month, bill.Complete(), c.Versions[0].Readings)
			}
			total, previous = total.Add(bill.Consumption().Decimal), bill
		}
		if len(closed) == 0 {
			return
		}
		advance := closed[len(closed)-1].Versions[0].Last.Register.Sub(closed[0].Versions[0].First.Register).Decimal
		if !total.Equal(advance) {
			t.Fatalf("the bills add up to %v kWh, the register advanced by %v", total, advance)
		}
	})
}
