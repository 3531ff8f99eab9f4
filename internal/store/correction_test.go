package store

import (
	"slices"
	"testing"
	"time"

	"meterledger/internal/meter"
)

// editOf corrects a reading of the first meter, or withdraws it if after is 0.
func editOf(slot meter.Slot, before, after int64) Edit {
	return Edit{Slot: slot, Before: reading(0, before).Register, After: reading(0, after).Register, IsWithdrawn: after == 0}
}

func correctionOf(edits ...Edit) *Correction {
	return &Correction{0, Note{time.Unix(5, 0), "Ann", "a wrong dial"}, edits}
}

// septemberRows are those of the first meter in the file of septemberClosed.
var septemberRows = []meter.Point{
	{Slot: closedFrom, Register: reading(0, 1000).Register},
	{Slot: closedTo - 1, Register: reading(0, 2000).Register},
}

// septemberClosed has a meter with two readings in September, which is closed, and two after it.
func septemberClosed(t *testing.T) *Store {
	t.Helper()
	s, id := New(), holdOf(1).ID
	b := AppendAccount(AppendLevel(nil, LevelHolds), account)
	for _, r := range []Reading{reading(closedFrom, 1000), reading(closedTo-1, 2000), reading(closedTo, 2100), reading(closedTo+1, 2200)} {
		b = AppendReading(b, r)
	}
	b = AppendHold(b, holdOf(1))
	b = AppendSummaries(AppendUnder(b, id), september, []SummaryOf{{0, Summary{Count: 3, First: septemberRows[0], Last: meter.Point{Slot: closedTo, Register: reading(0, 2100).Register}}}})
	b = AppendClose(AppendUnder(b, id), MonthArchive{Month: september, Window: windowOf(september), Revision: 1})
	for _, v := range mustApply(t, s, AppendFree(b, id)) {
		if v.Outcome != Accepted {
			t.Fatalf("an entry came to %v", v)
		}
	}
	return s
}

func wantVerdict(t *testing.T, s *Store, entry []byte, want Verdict) {
	t.Helper()
	if got := mustApply(t, s, entry)[0]; got != want {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestACorrectionOfTheFirstSlotOfAMonthIsOneOfTheMonthBefore(t *testing.T) {
	s := septemberClosed(t)
	c := correctionOf(editOf(closedTo, 2100, 2150))
	wantVerdict(t, s, AppendCorrection(nil, c), Verdict{Archived, meter.Point{Slot: closedFrom}})
	if months := s.ToRecall(c, false); len(months) != 1 || months[0].Month != september {
		t.Fatalf("%v must be recalled", months)
	}
	wantVerdict(t, s, AppendRecall(nil, september, 1, 0, septemberRows), Verdict{})
	wantVerdict(t, s, AppendCorrection(nil, c), Verdict{})
	wantVerdict(t, s, AppendCorrection(nil, c), Verdict{Outcome: Duplicate})
	if late := s.LateMonths(); !slices.Equal(late, []meter.Month{september}) {
		t.Errorf("%v are late", late)
	}
	wantVerdict(t, s, AppendReading(nil, reading(closedTo, 2100)), Verdict{Outcome: Duplicate})
	wantVerdict(t, s, AppendReading(nil, reading(closedTo, 2149)), Verdict{Conflict, meter.Point{Slot: closedTo, Register: reading(0, 2150).Register}})
}

func TestWhatAMonthEndedWithIsForgottenOnceItIsWithdrawn(t *testing.T) {
	s := septemberClosed(t)
	mustApply(t, s, AppendRecall(nil, september, 1, 0, septemberRows))
	wantVerdict(t, s, AppendCorrection(nil, correctionOf(editOf(closedTo-1, 2000, 0), editOf(closedTo, 2100, 0), editOf(closedTo+1, 2200, 0))), Verdict{})
	if latest := s.Latest(0); latest != septemberRows[0] {
		t.Errorf("the latest reading is %v", latest)
	}
	wantVerdict(t, s, AppendReading(nil, reading(closedTo+1, 2200)), Verdict{Outcome: Duplicate})
	wantVerdict(t, s, AppendReading(nil, reading(closedTo, 1500)), Verdict{})
	wantVerdict(t, s, AppendCorrection(nil, correctionOf(editOf(closedFrom, 1000, 0))), Verdict{})
	if register, known := s.At(0, closedFrom); known {
		t.Errorf("%v is known of what was withdrawn", register)
	}
	wantVerdict(t, s, AppendReading(nil, reading(closedFrom+1, 10)), Verdict{})
}

func TestACorrectionIsTakenWholeOrNotAtAll(t *testing.T) {
	s := septemberClosed(t)
	mustApply(t, s, AppendRecall(nil, september, 1, 0, septemberRows))
	point := func(slot meter.Slot, digits int64) meter.Point {
		return meter.Point{Slot: slot, Register: reading(0, digits).Register}
	}
	good := editOf(closedTo-1, 2000, 2001)
	for name, c := range map[string]struct {
		last  Edit
		place int
		want  Verdict
	}{
		"nothing there":      {editOf(closedTo+5, 2300, 2400), 1, Verdict{NoReading, point(closedTo+5, 0)}},
		"another value":      {editOf(closedTo, 2101, 2102), 1, Verdict{Conflict, point(closedTo, 2100)}},
		"above the next":     {editOf(closedTo, 2100, 2201), 1, Verdict{AboveLater, point(closedTo+1, 2200)}},
		"below the one here": {editOf(closedTo, 2100, 2000), 1, Verdict{BelowEarlier, point(closedTo-1, 2001)}},
	} {
		t.Run(name, func(t *testing.T) {
			before := s.Hash()
			correction := correctionOf(good, c.last)
			if place, v := s.JudgeCorrection(correction, nil, false); place != c.place || v != c.want {
				t.Errorf("edit %d is judged %v", place, v)
			}
			wantVerdict(t, s, AppendCorrection(nil, correction), c.want)
			if s.Hash() != before {
				t.Error("the state has changed")
			}
		})
	}
}

func TestACorrectionAddsNoTurnOfTheDialBetweenReadingsThatStand(t *testing.T) {
	s := septemberClosed(t)
	mustApply(t, s, AppendRecall(nil, september, 1, 0, septemberRows))
	limits := meter.Limits{RollsOverAt: reading(0, 3000).Register, MaxKW: meter.Power(reading(0, 1_000_000).Register)}
	wantVerdict(t, s, AppendLimits(nil, 0, limits), Verdict{})
	wantVerdict(t, s, AppendCorrection(nil, correctionOf(editOf(closedTo-1, 2000, 10))), Verdict{BelowEarlier, septemberRows[0]})
	wantVerdict(t, s, AppendCorrection(nil, correctionOf(editOf(closedTo+1, 2200, 10))), Verdict{})
}

// TestNeighboursAreCorrectedTogether moves three registers beyond what each of them allows the
// others.
func TestNeighboursAreCorrectedTogether(t *testing.T) {
	s := septemberClosed(t)
	mustApply(t, s, AppendRecall(nil, september, 1, 0, septemberRows))
	wantVerdict(t, s, AppendCorrection(nil, correctionOf(editOf(closedTo-1, 2000, 5000), editOf(closedTo, 2100, 6000), editOf(closedTo+1, 2200, 7000))), Verdict{})
	if latest := s.Latest(0); latest.Register != reading(0, 7000).Register {
		t.Errorf("the latest reading is %v", latest)
	}
}

// TestACorrectionThatIsPutBackChangesOnlyWhatItOnceReplaced restores what was done twice to one
// reading, the younger first.
func TestACorrectionThatIsPutBackChangesOnlyWhatItOnceReplaced(t *testing.T) {
	s := New()
	mustApply(t, s, AppendReading(AppendAccount(AppendLevel(nil, LevelHolds), account), reading(closedTo, 3000)))
	first, second := correctionOf(editOf(closedTo, 1000, 2000)), correctionOf(editOf(closedTo, 2000, 3000))
	second.At = second.At.Add(time.Hour)
	for _, c := range []*Correction{second, first, second} {
		mustApply(t, s, AppendRestoredCorrection(nil, c))
	}
	if register, _ := s.At(0, closedTo); register != reading(0, 3000).Register {
		t.Errorf("the reading is %v", register)
	}
	want := []Past{{first.Edits[0], first.Note}, {second.Edits[0], second.Note}}
	if got := s.History(0, meter.Window{To: slotMax}); !slices.Equal(got, want) {
		t.Errorf("the history is %v", got)
	}
	wantVerdict(t, s, AppendRestoredCorrection(nil, correctionOf(editOf(closedTo, 3000, 4000))), Verdict{})
	if register, _ := s.At(0, closedTo); register != reading(0, 4000).Register {
		t.Errorf("the reading is %v", register)
	}
}

// TestTheOrderOfCorrectionsOutlivesAClockThatIsSetBack puts them back by their times, in a store to
// which only the first register came back.
func TestTheOrderOfCorrectionsOutlivesAClockThatIsSetBack(t *testing.T) {
	s := septemberClosed(t)
	for n, c := range []*Correction{correctionOf(editOf(closedTo+1, 2200, 2210)), correctionOf(editOf(closedTo+1, 2210, 2220))} {
		c.At = time.Unix(int64(100-10*n), 0)
		wantVerdict(t, s, AppendCorrection(nil, c), Verdict{})
	}
	restored := septemberClosed(t)
	for e := range s.Events() {
		past := EditOf(e)
		wantVerdict(t, restored, AppendRestoredCorrection(nil, &Correction{0, past.Note, []Edit{past.Edit}}), Verdict{})
	}
	if register, _ := restored.At(0, closedTo+1); register != reading(0, 2220).Register {
		t.Errorf("%v kWh came back", register)
	}
}

func TestWhatWasReplacedIsKnownOfEverySlot(t *testing.T) {
	s := septemberClosed(t)
	mustApply(t, s, AppendCorrection(nil, correctionOf(editOf(closedTo+1, 2200, 2300))))
	mustApply(t, s, AppendCorrection(nil, correctionOf(editOf(closedTo+1, 2300, 2400))))
	for digits, want := range map[int64]bool{2200: true, 2300: true, 2400: false} {
		for slot := range meter.Slot(3) {
			if got := s.Replaced(account.ID, meter.Point{Slot: closedTo + slot, Register: reading(0, digits).Register}); got != (want && slot == 1) {
				t.Errorf("%d at %d was replaced: %v", digits, slot, got)
			}
		}
	}
	if s.Replaced("unknown", meter.Point{Slot: closedTo + 1, Register: reading(0, 2200).Register}) {
		t.Error("a register of a meter that is not known was replaced")
	}
}
