package store

import (
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
	return Summary{uint16(n), meter.Point{Slot: closedFrom, Register: first}, meter.Point{Slot: closedFrom + meter.Slot(n) - 1, Register: last}}
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
