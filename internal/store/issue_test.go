package store

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"meterledger/internal/meter"
)

// biller closes months of one meter under either level, an hour after another.
type biller struct {
	*Store
	hour int64
}

// eachRule runs a test under the rule of LevelBegun, which makes bills of summaries, and
// with bills as facts.
func eachRule(t *testing.T, test func(t *testing.T, b *biller)) {
	for _, level := range []Level{LevelBegun, LevelHolds} {
		t.Run(fmt.Sprint("level ", level), func(t *testing.T) { test(t, newBiller(t, level)) })
	}
}

func newBiller(t fataler, level Level) *biller {
	b := &biller{Store: New()}
	mustApply(t, b.Store, AppendLevel(AppendAccount(nil, account), level))
	return b
}

// close closes a month with the meter's readings, none if Count is 0.
func (b *biller) close(t fataler, month meter.Month, w meter.Window, summary Summary) {
	b.hour++
	at := time.Unix(b.hour*3600, 0)
	closing := MonthArchive{Month: month, Window: w, Revision: 1, Archive: Archive{SHA256: [32]byte{byte(b.hour)}, WrittenAt: at}}
	if m := b.closedMonth(month); m != nil {
		closing.Revision = m.Revision + 1
	}
	h := Hold{HoldID{Alone.Number, 7, uint64(b.hour)}, w.Rows()}
	under := func(batch []byte) []byte { return batch }
	var batch []byte
	if b.Level() >= LevelHolds {
		batch = AppendHold(nil, h)
		under = func(batch []byte) []byte { return AppendUnder(batch, h.ID) }
	}
	if summary.Count > 0 {
		batch = AppendSummaries(under(batch), month, []SummaryOf{{0, summary}})
		if bills := issued(b.Store, 0, month, summary); len(bills) > 0 && b.Level() >= LevelHolds {
			batch = AppendBills(under(batch), month, at, bills)
		}
	}
	batch = AppendClose(under(batch), closing)
	if b.Level() >= LevelHolds {
		batch = AppendFree(batch, h.ID)
	}
	for _, v := range mustApply(t, b.Store, batch) {
		if v.Outcome != Accepted {
			t.Fatalf("closing %v: %v", month, v)
		}
	}
}

// thousandths is a register in thousandths of a kWh.
func thousandths(slot meter.Slot, digits int64) meter.Point {
	register, _ := meter.RegisterFromParts(digits, 3)
	return meter.Point{Slot: slot, Register: register}
}

func consumption(f Figures) string {
	return f.End.Register.Total().Sub(f.Start.Register.Total()).String()
}

var (
	july, august, sept, october = monthOf(7), monthOf(8), monthOf(9), monthOf(10)

	ofJuly, ofAugust = meter.Window{From: 100, To: 200}, meter.Window{From: 200, To: 300}
	ofSept, ofOctob  = meter.Window{From: 300, To: 400}, meter.Window{From: 400, To: 500}
)

func monthOf(month time.Month) meter.Month { return meter.Month{Year: 2026, Month: month} }

func TestLateReadingsReviseABillAndTheOneThatOpensWhereItCloses(t *testing.T) {
	eachRule(t, func(t *testing.T, b *biller) {
		b.close(t, july, ofJuly, Summary{Count: 2, First: thousandths(150, 5_000), Last: thousandths(160, 6_000)})
		b.close(t, august, ofAugust, Summary{}) // nothing of the meter yet
		b.close(t, sept, ofSept, Summary{Count: 1, First: thousandths(350, 9_000), Last: thousandths(350, 9_000)})
		b.close(t, july, ofJuly, Summary{Count: 3, First: thousandths(150, 5_000), Last: thousandths(200, 8_000)}) // its end came late
		b.close(t, july, ofJuly, Summary{Count: 4, First: thousandths(150, 5_000), Last: thousandths(200, 8_000)}) // one in between
		b.close(t, august, ofAugust, Summary{Count: 1, First: thousandths(250, 8_500), Last: thousandths(250, 8_500)})
		for _, c := range []struct {
			month            meter.Month
			revision         uint32
			hour             int64
			consumption, was string
		}{
			{july, 3, 5, "3", "3"},
			{august, 1, 0, "0.5", ""},
			{sept, 3, 6, "0.5", "1"},
		} {
			bill, _, ok := b.Bill(0, c.month)
			if !ok || bill.Revision != c.revision || consumption(bill.Figures) != c.consumption {
				t.Errorf("%s: %+v, %v", c.month, bill, ok)
				continue
			}
			if c.was == "" {
				if bill.Previous != nil || !bill.RevisedAt.IsZero() {
					t.Errorf("%s: %+v", c.month, bill)
				}
				continue
			}
			if got := consumption(*bill.Previous); got != c.was || bill.RevisedAt.Unix() != c.hour*3600 {
				t.Errorf("%s was revised at %v from %s kWh, want hour %d from %s", c.month, bill.RevisedAt, got, c.hour, c.was)
			}
		}
	})
}

func TestBillsOfClosedMonths(t *testing.T) {
	// Windows of 101 points; nothing came in August, and October began late.
	inJuly := Summary{Count: 51, First: thousandths(150, 5_000), Last: thousandths(200, 7_500)}
	inSept := Summary{Count: 101, First: thousandths(300, 9_000), Last: thousandths(400, 12_000)}
	inOctober := Summary{Count: 1, First: thousandths(450, 12_250), Last: thousandths(450, 12_250)}
	eachRule(t, func(t *testing.T, b *biller) {
		b.close(t, july, ofJuly, inJuly)
		b.close(t, sept, ofSept, inSept)
		b.close(t, october, ofOctob, inOctober)
		for _, c := range []struct {
			name        string
			month       meter.Month
			want        Figures
			consumption string
		}{
			{"the first opens with the first reading", july, Figures{Readings: 51, Start: inJuly.First, End: inJuly.Last}, "2.5"},
			{"a later one opens where the last closed, over a month without readings", sept, Figures{Readings: 101, Start: inJuly.Last, End: inSept.Last}, "4.5"},
			{"one reading is enough for a later one", october, Figures{Readings: 1, Start: inSept.Last, End: inOctober.Last}, "0.25"},
		} {
			bill, archive, ok := b.Bill(0, c.month)
			if !ok || !bill.Figures.Equal(c.want) || archive.Month != c.month || bill.Revision != 1 || bill.Previous != nil {
				t.Errorf("%s: the bill is %+v, %v; want %+v", c.name, bill, ok, c.want)
			}
			if got := consumption(bill.Figures); got != c.consumption {
				t.Errorf("%s: it is for %s kWh, want %s", c.name, got, c.consumption)
			}
		}
	})
}

func TestAMonthWithoutReadingsHasNoBill(t *testing.T) {
	eachRule(t, func(t *testing.T, b *biller) {
		if bill, _, ok := b.Bill(0, july); ok {
			t.Errorf("a meter without readings has the bill %+v", bill)
		}
		b.close(t, july, ofJuly, Summary{Count: 1})
		b.close(t, august, ofAugust, Summary{})
		for _, m := range []meter.Month{monthOf(6), august, {Year: 2027, Month: 7}} {
			if bill, _, ok := b.Bill(0, m); ok {
				t.Errorf("%s has the bill %+v", m, bill)
			}
		}
	})
}

func TestAMeterWithOneReadingIsBilledForNothing(t *testing.T) {
	eachRule(t, func(t *testing.T, b *biller) {
		only := thousandths(150, 5_000)
		b.close(t, july, ofJuly, Summary{Count: 1, First: only, Last: only})
		if bill, _, ok := b.Bill(0, july); !ok || consumption(bill.Figures) != "0" || bill.Start != only || bill.End != only {
			t.Errorf("the bill is %+v, %v", bill, ok)
		}
	})
}

// anyClosed draws the closed months of one meter whose register rises, some months
// and readings being missing. Each month's first register may be the last one's last.
func anyClosed(t *rapid.T) (months []meter.Month, windows []meter.Window, summaries []Summary) {
	registers := rapid.SliceOfN(rapid.Int64Range(0, 999_999_999_999_999_999), 48, 48).Draw(t, "registers")
	slices.Sort(registers)
	scale := rapid.Uint8Range(0, 9).Draw(t, "scale")
	at := func(i int) meter.Point {
		register, _ := meter.RegisterFromParts(registers[i], scale)
		return meter.Point{Slot: meter.Slot(i), Register: register}
	}
	for n := range 12 {
		if rapid.IntRange(0, 3).Draw(t, "missing") == 0 {
			continue
		}
		w := meter.Window{From: meter.Slot(4 * n), To: meter.Slot(min(4*n+4, 47))}
		first := rapid.IntRange(int(w.From), int(w.To)).Draw(t, "first")
		last := rapid.IntRange(first, int(w.To)).Draw(t, "last")
		months = append(months, monthOf(time.January).Add(n))
		windows = append(windows, w)
		summaries = append(summaries, Summary{Count: uint16(rapid.IntRange(1, last-first+1).Draw(t, "readings")), First: at(first), Last: at(last)})
	}
	return months, windows, summaries
}

// TestConsecutiveBillsAddUpToTheRegistersAdvance closes the months in any order.
func TestConsecutiveBillsAddUpToTheRegistersAdvance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		months, windows, summaries := anyClosed(t)
		b := newBiller(t, rapid.SampledFrom([]Level{LevelBegun, LevelHolds}).Draw(t, "level"))
		var places []int
		for place := range months {
			places = append(places, place)
		}
		if len(places) == 0 {
			return
		}
		for _, place := range rapid.Permutation(places).Draw(t, "order") {
			b.close(t, months[place], windows[place], summaries[place])
		}
		var previous Bill
		total := decimal.Zero
		for place, month := range months {
			bill, _, ok := b.Bill(0, month)
			if !ok {
				t.Fatalf("%v has no bill", month)
			}
			if place > 0 && bill.Start != previous.End {
				t.Fatalf("the bill of %v opens at %v, the one before closed at %v", month, bill.Start, previous.End)
			}
			used := bill.End.Register.Total().Sub(bill.Start.Register.Total())
			if used.IsNegative() {
				t.Fatalf("the bill of %v is for %v kWh", month, used)
			}
			readings := summaries[place].Count
			if bill.End.Slot > summaries[place].Last.Slot { // with the first register of the month after, closed later
				readings++
			}
			if bill.Readings != readings || bill.End.Slot > windows[place].To {
				t.Fatalf("the bill of %v is of %d readings until %d, want %d", month, bill.Readings, bill.End.Slot, readings)
			}
			total, previous = total.Add(used.Decimal), bill
		}
		advance := summaries[len(summaries)-1].Last.Register.Total().Sub(summaries[0].First.Register.Total()).Decimal
		if !total.Equal(advance) {
			t.Fatalf("the bills add up to %v kWh, the register advanced by %v", total, advance)
		}
	})
}

// TestALaterMonthsRevisedBillWaitsForItsClosingInASnapshotToo freezes between the bills of
// a closing and the closing.
func TestALaterMonthsRevisedBillWaitsForItsClosingInASnapshotToo(t *testing.T) {
	b := newBiller(t, LevelHolds)
	b.close(t, july, ofJuly, Summary{Count: 2, First: thousandths(150, 5_000), Last: thousandths(160, 6_000)})
	b.close(t, sept, ofSept, Summary{Count: 1, First: thousandths(350, 9_000), Last: thousandths(350, 9_000)})
	before, _, _ := b.Bill(0, sept)
	h := Hold{HoldID{Alone.Number, 7, 3}, ofJuly.Rows()}
	summary := Summary{Count: 3, First: thousandths(150, 5_000), Last: thousandths(170, 8_000)}
	at := time.Unix(10_800, 0)
	batch := AppendSummaries(AppendUnder(AppendHold(nil, h), h.ID), july, []SummaryOf{{0, summary}})
	want(t, b.Store, AppendBills(AppendUnder(batch, h.ID), july, at, issued(b.Store, 0, july, summary)), Accepted, Accepted, Accepted)
	restored := thawed(t, b.Store)
	closing := AppendClose(AppendUnder(nil, h.ID), MonthArchive{Month: july, Window: ofJuly, Revision: 2, Archive: Archive{WrittenAt: at}})
	for name, s := range map[string]*Store{"the store": b.Store, "what was read back": restored} {
		t.Run(name, func(t *testing.T) {
			wantBill(t, s, sept, before)
			want(t, s, closing, Accepted)
			wantBill(t, s, sept, Bill{Figures{Readings: 1, Start: summary.Last, End: before.End}, 2, at, &before.Figures})
			previous := Figures{Readings: 2, Start: thousandths(150, 5_000), End: thousandths(160, 6_000)}
			wantBill(t, s, july, Bill{summary.figures(), 2, at, &previous})
		})
	}
	if restored.Hash() != b.Hash() {
		t.Error("they went on differently")
	}
}

// TestABillThatIsNotIssuedAnewStaysAsItWas closes a month again with a bill that says
// something else than its summary.
func TestABillThatIsNotIssuedAnewStaysAsItWas(t *testing.T) {
	b := newBiller(t, LevelHolds)
	b.close(t, july, ofJuly, Summary{Count: 2, First: thousandths(150, 5_000), Last: thousandths(160, 6_000)})
	summary := Summary{Count: 1, First: thousandths(250, 9_000), Last: thousandths(250, 9_000)}
	b.close(t, august, ofAugust, summary)
	before, _, _ := b.Bill(0, august)
	h := Hold{HoldID{Alone.Number, 7, 3}, ofAugust.Rows()}
	batch := AppendSummaries(AppendUnder(AppendHold(nil, h), h.ID), august, []SummaryOf{{0, summary}})
	batch = AppendClose(AppendUnder(batch, h.ID), MonthArchive{Month: august, Window: ofAugust, Revision: 2})
	want(t, b.Store, batch, Accepted, Accepted, Accepted)
	wantBill(t, b.Store, august, before)
}
