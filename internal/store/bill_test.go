package store

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"meterledger/internal/meter"
)

// closedAs closes September with one summary of the first meter.
func closedAs(t *testing.T, s *Store, revision uint32, summary Summary) {
	t.Helper()
	mustApply(t, s, AppendSummaries(nil, september, []SummaryOf{{0, summary}}))
	mustApply(t, s, AppendClose(nil, MonthArchive{
		Month: september, Window: meter.Window{From: closedFrom, To: closedTo}, Revision: revision,
		Archive: Archive{WrittenAt: account.RegisteredAt},
	}))
}

// summaryOf covers n half hours from the beginning of September.
func summaryOf(n uint32) Summary {
	first, _ := meter.RegisterFromParts(1000, 3)
	last, _ := meter.RegisterFromParts(1000+int64(n), 3)
	return Summary{Count: uint16(n), First: meter.Point{Slot: closedFrom, Register: first}, Last: meter.Point{Slot: closedFrom + meter.Slot(n) - 1, Register: last}}
}

// wantBill compares the bill of the first meter for a month.
func wantBill(t *testing.T, s *Store, month meter.Month, want Bill) {
	t.Helper()
	got, _, ok := s.Bill(0, month)
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b meter.Register) bool { return a == b })); !ok || diff != "" {
		t.Errorf("the bill of %s (-want +got):\n%s", month, diff)
	}
}

func thawed(t *testing.T, s *Store) *Store {
	t.Helper()
	frozen := s.Freeze()
	defer frozen.Thaw()
	restored, err := decodeState(encodeState(t, frozen))
	if err != nil {
		t.Fatal(err)
	}
	return restored
}

// TestSumsAreKeptOnceAllProgramsKnowThem: below their level they are not written, and rows fit by their number and their
// ends.
func TestSumsAreKeptOnceAllProgramsKnowThem(t *testing.T) {
	rows := []meter.Point{{Slot: closedFrom, Register: reading(0, 10).Register}, {Slot: closedFrom + 1, Register: reading(0, 11).Register}, {Slot: closedFrom + 2, Register: reading(0, 12).Register}}
	other := slices.Clone(rows)
	other[1].Register = reading(0, 12).Register
	for level, sums := range map[Level]bool{LevelHolds: false, LevelFields: false, LevelSums: true} {
		s := New()
		h := Hold{holdOf(1).ID, windowOf(september)}
		part := []SummaryOf{{0, Summary{Count: 3, Sum: SumOf(rows), First: rows[0], Last: rows[2]}}}
		mustApply(t, s, AppendHold(AppendLevel(AppendAccount(nil, account), level), h))
		mustApply(t, s, level.AppendSummaries(AppendUnder(nil, h.ID), september, part))
		mustApply(t, s, AppendClose(AppendUnder(nil, h.ID), MonthArchive{Month: september, Window: windowOf(september), Revision: 1}))
		got, _ := s.SummaryAt(0, closedFrom)
		if !got.Fits(rows) || got.Fits(rows[:2]) || got.Fits(other) == sums {
			t.Errorf("at level %d the rows fit %v, two of them %v, and others %v", level, got.Fits(rows), got.Fits(rows[:2]), got.Fits(other))
		}
	}
}

func TestAMonthThatIsClosedAgainRevisesItsBill(t *testing.T) {
	s := New()
	mustApply(t, s, AppendAccount(nil, account))
	closedAs(t, s, 1, summaryOf(5))
	closedAs(t, s, 2, summaryOf(5)) // nothing came
	wantBill(t, s, september, Bill{Figures: summaryOf(5).figures(), Revision: 1})
	closedAs(t, s, 3, summaryOf(7))
	previous := summaryOf(5).figures()
	want := Bill{Figures: summaryOf(7).figures(), Revision: 2, RevisedAt: account.RegisteredAt, Previous: &previous}
	wantBill(t, s, september, want)
	restored := thawed(t, s)
	wantBill(t, restored, september, want)
	if restored.Hash() != s.Hash() {
		t.Error("a state that was read back has another hash")
	}
}

func TestAMeterThatWasNotInAnArchiveHasAFirstBill(t *testing.T) {
	s := New()
	mustApply(t, s, AppendAccount(nil, account))
	mustApply(t, s, AppendClose(nil, MonthArchive{Month: september, Window: meter.Window{From: closedFrom, To: closedTo}, Revision: 1}))
	if _, _, ok := s.Bill(0, september); ok {
		t.Error("there is a bill of nothing")
	}
	closedAs(t, s, 2, summaryOf(5))
	wantBill(t, s, september, Bill{Figures: summaryOf(5).figures(), Revision: 1})
}

func TestPendingSummariesAreWrittenDownAsTheyWereFrozen(t *testing.T) {
	s := New()
	mustApply(t, s, AppendAccount(nil, account))
	closedAs(t, s, 1, summaryOf(5))
	mustApply(t, s, AppendSummaries(nil, september, []SummaryOf{{0, summaryOf(7)}}))
	frozen := s.Freeze()
	mustApply(t, s, AppendSummaries(nil, september, []SummaryOf{{0, summaryOf(5)}})) // as it was
	restored, err := decodeState(encodeState(t, frozen))
	frozen.Thaw()
	if err != nil {
		t.Fatal(err)
	}
	mustApply(t, restored, AppendClose(nil, MonthArchive{Month: september, Window: meter.Window{From: closedFrom, To: closedTo}, Revision: 2}))
	if bill, _, _ := restored.Bill(0, september); !bill.Figures.Equal(summaryOf(7).figures()) || !bill.Previous.Equal(summaryOf(5).figures()) {
		t.Errorf("%+v", bill)
	}
}

func TestAnEmptyPartDropsTheSummariesThatWait(t *testing.T) {
	s := New()
	mustApply(t, s, AppendAccount(nil, account))
	before := s.Hash()
	mustApply(t, s, AppendSummaries(nil, september, []SummaryOf{{0, summaryOf(7)}}))
	if s.Hash() == before {
		t.Error("the hash does not see summaries that wait")
	}
	mustApply(t, s, AppendSummaries(nil, september, nil))
	if s.Hash() != before {
		t.Error("something is left")
	}
}

func TestARevisionThatDoesNotFollowIsRefused(t *testing.T) {
	s := New()
	if got := apply(t, s, AppendClose(nil, MonthArchive{Month: september, Revision: 2})); got[0] != Over {
		t.Errorf("the verdict is %d", got[0])
	}
	if len(s.Months()) != 0 {
		t.Errorf("months %v", s.Months())
	}
}

func TestABillWithoutChangesOfDialsIsWrittenAsBefore(t *testing.T) {
	part := []BillOf{{september, 7, summaryOf(5).figures()}}
	want := append(appendTime(appendMonth([]byte{20}, september), account.RegisteredAt), 0, 0, 0, 1)
	want = append(appendMonth(want, september), 0, 0, 0, 7, 0, 5)
	want = appendPoint(appendPoint(want, part[0].Start), part[0].End)
	if b := AppendBills(nil, september, account.RegisteredAt, part); !bytes.Equal(b, want) {
		t.Errorf("% x, want % x", b, want)
	}
	part[0].Dials = meter.NewDials([]meter.Change{{At: meter.Slot(closedFrom + 2).Instant(), Kind: meter.Reset}})
	if b := AppendBills(nil, september, account.RegisteredAt, part); kind(b[0]) != kindDialBills {
		t.Errorf("with a change the kind is %d", b[0])
	}
}

// TestABillKeepsTheChangesThatItWasIssuedWith reads them back, and bills of the version before.
func TestABillKeepsTheChangesThatItWasIssuedWith(t *testing.T) {
	s := New()
	mustApply(t, s, AppendLevel(AppendAccount(nil, account), LevelHolds))
	register, _ := meter.RegisterFromParts(1002, 3)
	exchanged := meter.Change{At: meter.Slot(closedFrom+2).Instant() + 7, Kind: meter.Exchange, Old: register, Serial: "S-2", By: "Lim", EnteredAt: account.RegisteredAt}
	estimated := meter.Change{At: meter.Slot(closedFrom+3).Instant() + 7, Kind: meter.Exchange, Old: register, New: register, IsEstimated: true, Estimated: register}
	figures := summaryOf(5).figures()
	changed := figures.Over(meter.NewDials([]meter.Change{exchanged, estimated}))
	closeWith := func(revision uint32, figures Figures) {
		h := Hold{holdOf(uint64(revision)).ID, meter.Window{From: closedFrom, To: closedTo}.Rows()}
		b := AppendSummaries(AppendUnder(AppendHold(nil, h), h.ID), september, []SummaryOf{{0, summaryOf(5)}})
		b = AppendBills(AppendUnder(b, h.ID), september, account.RegisteredAt, []BillOf{{september, 0, figures}})
		b = AppendClose(AppendUnder(b, h.ID), MonthArchive{Month: september, Window: meter.Window{From: closedFrom, To: closedTo}, Revision: revision, Archive: Archive{SHA256: [32]byte{byte(revision)}}})
		mustApply(t, s, AppendFree(b, h.ID))
	}
	closeWith(1, figures)
	closeWith(2, changed)
	wantBill(t, s, september, Bill{Figures: changed, Revision: 2, RevisedAt: account.RegisteredAt, Previous: &figures})
	if by := changed.Dials[0].By; by != "" || changed.Dials[1].Estimated != register || changed.Dials[0].Serial != "S-2" {
		t.Errorf("the bill keeps %+v", changed.Dials)
	}
	closeWith(3, changed) // entered by somebody else, if at all
	wantBill(t, s, september, Bill{Figures: changed, Revision: 2, RevisedAt: account.RegisteredAt, Previous: &figures})
	wantBill(t, thawed(t, s), september, Bill{Figures: changed, Revision: 2, RevisedAt: account.RegisteredAt, Previous: &figures})
	closeWith(4, figures)
	wantBill(t, s, september, Bill{Figures: figures, Revision: 3, RevisedAt: account.RegisteredAt, Previous: &changed})

	old := appendFigures(nil, figures)
	old = append(binary.BigEndian.AppendUint32(old, 2), 0, 0, 0, 0, 0, 0, 0, 9)
	d := StateDecoder{decoder: decoder{rest: appendFigures(old, figures), s: s}, version: 1}
	if bill := d.bill(); d.err != nil || len(d.rest) > 0 || !bill.Equal(figures) || !bill.Previous.Equal(figures) || bill.Revision != 2 {
		t.Errorf("a bill of version 1 is read as %+v, %v", bill, d.err)
	}
}
