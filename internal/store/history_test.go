package store

import (
	"slices"
	"testing"

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
	first, _ := meter.KWhFromParts(1000, 3)
	last, _ := meter.KWhFromParts(1000+int64(n), 3)
	return Summary{uint16(n), meter.Point{Slot: closedFrom, Register: first}, meter.Point{Slot: closedFrom + meter.Slot(n) - 1, Register: last}}
}

func TestAMonthThatIsClosedAgainKeepsWhatItWasBefore(t *testing.T) {
	s := New()
	mustApply(t, s, AppendAccount(nil, account))
	closedAs(t, s, 1, summaryOf(5))
	closedAs(t, s, 2, summaryOf(5)) // nothing came
	closedAs(t, s, 3, summaryOf(7))
	frozen := s.Freeze()
	restored, err := decodeState(encodeState(t, frozen))
	frozen.Thaw()
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*Store{"applied": s, "restored": restored} {
		h := s.Histories(0)
		if len(h) != 1 || h[0].Summary != summaryOf(7) || !slices.Equal(h[0].Former, []Former{{Summary: summaryOf(5), Until: 3}}) {
			t.Errorf("%s: %+v", name, h)
		}
		if len(h[0].Closings) != 3 || h[0].Closings[2].Number != 3 {
			t.Errorf("%s: closings %+v", name, h[0].Closings)
		}
	}
	// The count of closings goes on, for months that are new to it too.
	october := MonthArchive{Month: september.Add(1), Window: meter.Window{From: closedTo, To: closedTo + 100}, Revision: 1}
	mustApply(t, restored, AppendSummaries(nil, october.Month, []SummaryOf{{0, summaryOf(1)}}))
	mustApply(t, restored, AppendClose(nil, october))
	if h := restored.Histories(0); h[1].Closings[0].Number != 4 {
		t.Errorf("October's closing is %+v", h[1].Closings)
	}
}

func TestAMeterThatWasNotInAnArchiveHasNothingBefore(t *testing.T) {
	s := New()
	mustApply(t, s, AppendAccount(nil, account))
	mustApply(t, s, AppendClose(nil, MonthArchive{Month: september, Window: meter.Window{From: closedFrom, To: closedTo}, Revision: 1}))
	closedAs(t, s, 2, summaryOf(5))
	if h := s.Histories(0); len(h) != 1 || !slices.Equal(h[0].Former, []Former{{Until: 2}}) {
		t.Errorf("%+v", h)
	}
}

func TestFormerSummariesAreWrittenDownAsTheyWereFrozen(t *testing.T) {
	s := New()
	mustApply(t, s, AppendAccount(nil, account))
	closedAs(t, s, 1, summaryOf(5))
	mustApply(t, s, AppendSummaries(nil, september, []SummaryOf{{0, summaryOf(7)}}))
	frozen := s.Freeze()
	mustApply(t, s, AppendSummaries(nil, september, []SummaryOf{{0, summaryOf(5)}})) // as it was: nothing former
	restored, err := decodeState(encodeState(t, frozen))
	frozen.Thaw()
	if err != nil {
		t.Fatal(err)
	}
	mustApply(t, restored, AppendClose(nil, MonthArchive{Month: september, Window: meter.Window{From: closedFrom, To: closedTo}, Revision: 2}))
	if h := restored.Histories(0); h[0].Summary != summaryOf(7) || !slices.Equal(h[0].Former, []Former{{Summary: summaryOf(5), Until: 2}}) {
		t.Errorf("%+v", h)
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
	if _, err := s.Apply(AppendClose(nil, MonthArchive{Month: september, Revision: 2}), nil); err == nil {
		t.Error("it was applied")
	}
	if len(s.Months()) != 0 {
		t.Errorf("months %v", s.Months())
	}
}
