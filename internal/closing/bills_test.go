package closing

import (
	"cmp"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

const (
	bookMeters = 3
	bookMonths = 5
	bookSlots  = 20 // of a month
)

// books are the same closings in two stores: one makes bills of summaries by the rule of
// LevelBegun, the other is told them by bookkeeping.
type books struct {
	rule, facts *store.Store
	closings    uint64
	revised     int // bills, of the closed months and of later ones
}

func newBooks(t *rapid.T) *books {
	b := &books{rule: store.New(), facts: store.New()}
	var accounts []byte
	for _, id := range []meter.ID{"A", "B", "C"} {
		accounts = store.AppendAccount(accounts, meter.Account{ID: id, RegisteredAt: time.Unix(0, 0)})
	}
	mustAccept(t, b.rule, accounts)
	mustAccept(t, b.facts, store.AppendLevel(accounts, store.LevelHolds))
	return b
}

func mustAccept(t *rapid.T, s *store.Store, batch []byte) {
	verdicts, err := s.Apply(batch, store.Verdicts{})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range verdicts.Others() {
		t.Fatalf("entry %d came to %d", v.Place, v.Outcome)
	}
}

// close closes a month in both.
func (b *books) close(t *rapid.T, month meter.Month, w meter.Window, summaries []store.SummaryOf) {
	closing := b.closeFacts(t, month, w, summaries)
	mustAccept(t, b.rule, store.AppendClose(store.AppendSummaries(nil, month, summaries), closing))
}

func (b *books) closeFacts(t *rapid.T, month meter.Month, w meter.Window, summaries []store.SummaryOf) store.MonthArchive {
	b.closings++
	at := time.Unix(int64(b.closings)*3600, 0)
	closing := store.MonthArchive{Month: month, Window: w, Revision: 1, Archive: store.Archive{SHA256: [32]byte{byte(b.closings)}, WrittenAt: at}}
	if archived, closed := b.facts.Month(w.From); closed {
		closing.Revision = archived.Revision + 1
	}
	keeping := bookkeeping{runs: &Runs{store: b.facts}, month: month, window: w}
	for _, s := range summaries {
		keeping.issue(s.Meter, s.Summary)
	}
	h := store.Hold{ID: store.HoldID{Term: store.Alone.Number, Number: b.closings}, Window: w.Rows()}
	batch := store.AppendSummaries(store.AppendUnder(store.AppendHold(nil, h), h.ID), month, summaries)
	for part := range slices.Chunk(keeping.bills, 2) {
		batch = store.AppendBills(store.AppendUnder(batch, h.ID), month, at, part)
	}
	batch = store.AppendClose(store.AppendUnder(batch, h.ID), closing)
	mustAccept(t, b.facts, store.AppendFree(batch, h.ID))
	return closing
}

// wantSameBills compares every bill, what it said before included.
func (b *books) wantSameBills(t *rapid.T) {
	equal := gocmp.Comparer(func(a, b meter.Register) bool { return a == b })
	for i := range store.Index(bookMeters) {
		for n := range bookMonths {
			ruled, _, want := b.rule.Bill(i, bookMonth(n))
			told, _, got := b.facts.Bill(i, bookMonth(n))
			if diff := gocmp.Diff(ruled, told, equal); want != got || diff != "" {
				t.Fatalf("the bill of meter %d for %v, by the rule (-) and as a fact (+), %v and %v:\n%s", i, bookMonth(n), want, got, diff)
			}
			if told.Revision > 1 {
				b.revised++
			}
		}
	}
}

func bookMonth(n int) meter.Month { return meter.Month{Year: 2026, Month: time.January}.Add(n) }

func bookWindow(n int) meter.Window {
	from := meter.Slot(1000 + n*bookSlots)
	return meter.Window{From: from, To: from + bookSlots}
}

// summaryOf covers those of a meter's readings that lie in a window, its end included, as
// bookkeeping's summaries do.
func summaryOf(readings []meter.Point, w meter.Window) (s store.Summary) {
	for _, p := range readings {
		if !w.Contains(p.Slot) || p.Slot == w.To && s.Count == 0 {
			continue
		}
		if s.Count == 0 {
			s.First = p
		}
		s.Count++
		s.Last = p
	}
	return s
}

// TestBillsThatAreFactsSayWhatTheRuleSaid closes months in any order, again and again,
// while readings come anywhere but at a month's end: there the rule of LevelBegun left a
// bill as it was, see TestBillsAreThoseOfReadingsThatCameInTime.
func TestBillsThatAreFactsSayWhatTheRuleSaid(t *testing.T) {
	revised := 0
	rapid.Check(t, func(t *rapid.T) {
		b := newBooks(t)
		readings := make([][]meter.Point, bookMeters)
		for range rapid.IntRange(1, 12).Draw(t, "closings") {
			for range rapid.IntRange(0, 8).Draw(t, "readings") {
				i := rapid.IntRange(0, bookMeters-1).Draw(t, "meter")
				slot := meter.Slot(rapid.IntRange(1000, 1000+bookMonths*bookSlots).Draw(t, "slot"))
				place, taken := slices.BinarySearchFunc(readings[i], slot, func(p meter.Point, s meter.Slot) int { return cmp.Compare(p.Slot, s) })
				if register, _ := meter.RegisterFromParts(int64(slot)/2, 3); !taken && slot%bookSlots != 0 { // some stand still
					readings[i] = slices.Insert(readings[i], place, meter.Point{Slot: slot, Register: register})
				}
			}
			n := rapid.IntRange(0, bookMonths-1).Draw(t, "month")
			var summaries []store.SummaryOf
			for i := range store.Index(bookMeters) {
				if s := summaryOf(readings[i], bookWindow(n)); s.Count > 0 {
					summaries = append(summaries, store.SummaryOf{Meter: i, Summary: s})
				}
			}
			b.close(t, bookMonth(n), bookWindow(n), summaries)
			b.wantSameBills(t)
		}
		revised += b.revised
	})
	if revised < 100 {
		t.Errorf("bills were revised %d times, so this proves little", revised)
	}
}

// TestABillFollowsTheCorrectedRegisterOfItsMonthsEnd closes a month again whose first register was
// corrected. The bill before it, which ends there, follows with the next closing, whatever is closed.
func TestABillFollowsTheCorrectedRegisterOfItsMonthsEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBooks(t)
		point := func(slot meter.Slot, thousandths int64) meter.Point {
			register, _ := meter.RegisterFromParts(thousandths, 3)
			return meter.Point{Slot: slot, Register: register}
		}
		first, second := bookWindow(0), bookWindow(1)
		read, corrected := rapid.Int64Range(2000, 3000).Draw(t, "read"), rapid.Int64Range(2000, 3000).Draw(t, "corrected")
		closeFacts := func(n int, w meter.Window, s store.Summary) {
			b.closeFacts(t, bookMonth(n), w, []store.SummaryOf{{Meter: 0, Summary: s}})
		}
		end := point(second.To-1, 4000)
		closeFacts(0, first, store.Summary{Count: 2, First: point(first.From, 1000), Last: point(first.To-1, 1500)})
		closeFacts(1, second, store.Summary{Count: 2, First: point(second.From, read), Last: end})
		closeFacts(1, second, store.Summary{Count: 2, First: point(second.From, corrected), Last: end})
		closeFacts(1, second, store.Summary{Count: 2, First: point(second.From, corrected), Last: end})
		before, _, _ := b.facts.Bill(0, bookMonth(0))
		after, _, _ := b.facts.Bill(0, bookMonth(1))
		if want := point(second.From, corrected); before.End != want || after.Start != want || before.Readings != 3 {
			t.Fatalf("the bills end and begin with %+v and %+v, want %+v", before, after, want)
		}
	})
}
