package store

import (
	"slices"
	"testing"

	"meterledger/internal/meter"
)

// holdOf is a hold over September, each run having its own number.
func holdOf(number uint64) Hold {
	return Hold{HoldID{Alone.Number, 7, number}, windowOf(september).Rows()}
}

// heldStore has two meters with a reading each in September, and intents and half of the
// summaries of the run whose hold stands.
func heldStore(t *testing.T) (s *Store, h Hold) {
	t.Helper()
	other := account
	other.ID = "B"
	b := AppendAccount(AppendAccount(AppendLevel(nil, LevelHolds), account), other)
	b = AppendReading(AppendReading(b, reading(closedFrom+10, 1000)), Reading{1, closedFrom + 10, reading(0, 1000).Register})
	h = holdOf(2)
	b = AppendHold(b, h)
	b = AppendIntent(AppendUnder(b, h.ID), september.Period(), [32]byte{2})
	b = halfOfSummaries(AppendUnder(b, h.ID), 0)
	s = New()
	want(t, s, b, slices.Repeat([]Outcome{Accepted}, 8)...)
	return s, h
}

// halfOfSummaries are those of one of the two meters.
func halfOfSummaries(b []byte, i Index) []byte {
	only := meter.Point{Slot: closedFrom + 10, Register: reading(0, 1000).Register}
	return AppendSummaries(b, september, []SummaryOf{{i, Summary{Count: 1, First: only, Last: only}}})
}

func closeSeptember(b []byte, revision uint32) []byte {
	return AppendClose(b, septemberArchive(revision))
}

func septemberArchive(revision uint32) MonthArchive {
	return MonthArchive{
		Month: september, Window: windowOf(september), Revision: revision,
		Archive: Archive{Rows: 2, SHA256: [32]byte{2, byte(revision)}, WrittenAt: account.RegisteredAt},
	}
}

// want applies a batch and compares what came of its entries.
func want(t *testing.T, s *Store, batch []byte, outcomes ...Outcome) {
	t.Helper()
	if got := apply(t, s, batch); !slices.Equal(got, outcomes) {
		t.Errorf("the outcomes are %v, want %v", got, outcomes)
	}
}

// wantUnchanged applies a batch that must leave the state as it is, what is pending and
// the intents too.
func wantUnchanged(t *testing.T, s *Store, batch []byte, outcome Outcome) {
	t.Helper()
	before := s.Hash()
	want(t, s, batch, outcome)
	if s.Hash() != before {
		t.Error("the state is another one")
	}
}

// ofRun are the entries of a run, each of which only has an effect under its hold.
func ofRun() map[string][]byte {
	return map[string][]byte{
		"summaries":          halfOfSummaries(nil, 1),
		"an empty part":      AppendSummaries(nil, september, nil),
		"bills":              AppendBills(nil, september, account.RegisteredAt, []BillOf{{september, 1, Figures{Readings: 9}}}),
		"an intent":          AppendIntent(nil, september.Period(), [32]byte{1}),
		"a day":              AppendDay(nil, DayArchive{meter.Day{Year: 2024, Month: 9, Day: 1}, Archive{Rows: 1}, 0}),
		"a close":            closeSeptember(nil, 1),
		"a close once more":  closeSeptember(nil, 2),
		"a close of nothing": AppendClose(nil, MonthArchive{Month: september}),
		"an adopt":           AppendAdopt(nil, septemberArchive(1)),
	}
}

func TestAReadingBetweenSummariesAndCloseIsHeld(t *testing.T) {
	s, h := heldStore(t)
	late := []Reading{reading(closedFrom+20, 2000)}
	wantUnchanged(t, s, AppendReadings(nil, late, false), Held)
	wantUnchanged(t, s, AppendReadings(nil, late, true), Held)
	first, last := reading(closedFrom, 900), reading(closedTo-1, 2000)
	wantUnchanged(t, s, AppendReading(nil, first), Held)
	wantUnchanged(t, s, AppendReading(nil, last), Held)
	if v := s.Judge(late[0], true); v.Outcome != Held {
		t.Errorf("it is judged to be %v", v)
	}
	var many []Reading
	for slot := range meter.Slot(packReadingsMin) {
		many = append(many, reading(closedFrom+20+slot, 2000))
	}
	held := slices.Repeat([]Outcome{Held}, len(many))
	want(t, s, AppendReadings(nil, many, false), held...)
	want(t, s, AppendReadings(nil, many, true), held...)
	want(t, s, AppendReading(nil, reading(closedTo, 3000)), Accepted)
	want(t, s, halfOfSummaries(AppendUnder(nil, h.ID), 1), Accepted)
	want(t, s, AppendFree(closeSeptember(AppendUnder(nil, h.ID), 1), h.ID), Accepted, Accepted)
	want(t, s, AppendReadings(nil, late, false), Archived) // it goes with its archived rows
}

func TestACloseWhoseHoldIsGoneClearsNothing(t *testing.T) {
	for name, after := range map[string][]byte{
		"freed":                       nil,
		"freed, and another has one":  AppendHold(nil, holdOf(3)),
		"freed, and another was done": AppendFree(AppendHold(nil, holdOf(3)), holdOf(3).ID),
	} {
		t.Run(name, func(t *testing.T) {
			s, h := heldStore(t)
			want(t, s, halfOfSummaries(AppendUnder(nil, h.ID), 1), Accepted)
			want(t, s, AppendFree(nil, h.ID), Accepted)
			want(t, s, AppendReading(nil, reading(closedFrom+20, 2000)), Accepted)
			if len(after) > 0 {
				apply(t, s, after)
			}
			wantUnchanged(t, s, closeSeptember(AppendUnder(nil, h.ID), 1), Over)
			if _, readings := s.Counts(); readings != 3 {
				t.Errorf("%d readings are in memory, want 3", readings)
			}
		})
	}
}

func TestWhatNamesAnOldHoldHasNoEffectAmidAnotherRun(t *testing.T) {
	old := holdOf(1).ID
	for name, batch := range ofRun() {
		t.Run(name, func(t *testing.T) {
			s, h := heldStore(t)
			wantUnchanged(t, s, append(AppendUnder(nil, old), batch...), Over)
			want(t, s, halfOfSummaries(AppendUnder(nil, h.ID), 1), Accepted)
			want(t, s, closeSeptember(AppendUnder(nil, h.ID), 1), Accepted)
			for i := range Index(2) {
				if bill, _, ok := s.Bill(i, september); !ok || bill.Readings != 1 {
					t.Errorf("the bill of meter %d is %+v, %v", i, bill, ok)
				}
			}
		})
	}
}

func TestAnOldHoldIsNotFreedInPlaceOfTheOneThatStands(t *testing.T) {
	s, _ := heldStore(t)
	for _, id := range []HoldID{{}, holdOf(1).ID, {2, 7, 2}, {Alone.Number, 8, 2}} {
		wantUnchanged(t, s, AppendFree(nil, id), Over)
	}
	wantUnchanged(t, s, AppendReading(nil, reading(closedFrom+20, 2000)), Held)
}

func TestAnAdoptWhoseSummariesWereDroppedClosesNothing(t *testing.T) {
	for name, after := range map[string][]byte{"freed": nil, "taken by another": AppendHold(nil, holdOf(2))} {
		t.Run(name, func(t *testing.T) {
			s := New()
			h := holdOf(1)
			apply(t, s, AppendHold(AppendAccount(AppendLevel(nil, LevelHolds), account), h))
			want(t, s, halfOfSummaries(AppendUnder(nil, h.ID), 0), Accepted)
			want(t, s, AppendFree(nil, h.ID), Accepted)
			if len(s.pending) > 0 {
				t.Error("summaries are left")
			}
			if len(after) > 0 {
				apply(t, s, after)
			}
			wantUnchanged(t, s, AppendAdopt(AppendUnder(nil, h.ID), septemberArchive(1)), Over)
			if len(s.Months()) > 0 {
				t.Errorf("months %v", s.Months())
			}
		})
	}
}

// TestAnAdoptThatDidNotFitDoesNotFitTheNextTime sends one twice: without its summaries it
// would fit whatever is known.
func TestAnAdoptThatDidNotFitDoesNotFitTheNextTime(t *testing.T) {
	s := New()
	h := holdOf(1)
	apply(t, s, AppendReading(AppendAccount(AppendLevel(nil, LevelHolds), account), reading(closedFrom-1, 5000)))
	want(t, s, halfOfSummaries(AppendUnder(AppendHold(nil, h), h.ID), 0), Accepted, Accepted)
	adopt := AppendAdopt(AppendUnder(nil, h.ID), septemberArchive(1))
	wantUnchanged(t, s, adopt, NotAdopted)
	wantUnchanged(t, s, adopt, NotAdopted)
}

func TestAHoldOfAnotherTermIsNone(t *testing.T) {
	for _, term := range []uint64{0, 2} {
		s := New()
		apply(t, s, AppendAccount(AppendLevel(nil, LevelHolds), account))
		h := Hold{HoldID{Term: term}, windowOf(september).Rows()}
		wantUnchanged(t, s, AppendHold(nil, h), Over)
		wantUnchanged(t, s, AppendFree(nil, h.ID), Over)
		for name, batch := range ofRun() {
			t.Run(name, func(t *testing.T) {
				if name != "summaries" && name != "bills" { // there is one meter
					wantUnchanged(t, s, append(AppendUnder(nil, h.ID), batch...), Over)
				}
			})
		}
		wantUnchanged(t, s, halfOfSummaries(AppendUnder(nil, h.ID), 0), Over)
	}
}

func TestWhatNamesNoHoldHasNoEffect(t *testing.T) {
	for name, batch := range ofRun() {
		t.Run(name, func(t *testing.T) {
			s, h := heldStore(t)
			wantUnchanged(t, s, batch, Over)
			apply(t, s, AppendFree(nil, h.ID))
			wantUnchanged(t, s, batch, Over)
		})
	}
}

func TestAHoldThatDoesNotCoverItsMonthClosesNothing(t *testing.T) {
	whole := windowOf(september).Rows()
	for name, w := range map[string]meter.Window{
		"nothing":       NoWindow,
		"another month": windowOf(september.Add(1)).Rows(),
		"all but first": {From: whole.From + 1, To: whole.To},
		"all but last":  {From: whole.From, To: whole.To - 1},
	} {
		t.Run(name, func(t *testing.T) {
			s, former := heldStore(t)
			h := Hold{holdOf(3).ID, w}
			apply(t, s, AppendHold(AppendFree(nil, former.ID), h))
			want(t, s, halfOfSummaries(AppendUnder(nil, h.ID), 1), Accepted)
			wantUnchanged(t, s, closeSeptember(AppendUnder(nil, h.ID), 1), Over)
			wantUnchanged(t, s, AppendAdopt(AppendUnder(nil, h.ID), septemberArchive(1)), Over)
			if _, readings := s.Counts(); readings != 2 || len(s.pending) == 0 || len(s.Intents(september.Period())) == 0 {
				t.Errorf("%d readings, %d months pending, intents %v", readings, len(s.pending), s.Intents(september.Period()))
			}
		})
	}
}

func TestARevisionThatDoesNotFollowLeavesWhatIsPending(t *testing.T) {
	s, h := heldStore(t)
	for _, revision := range []uint32{0, 2, 3} {
		wantUnchanged(t, s, closeSeptember(AppendUnder(nil, h.ID), revision), Over)
	}
	wantUnchanged(t, s, AppendClose(AppendUnder(nil, h.ID), MonthArchive{Month: september, Window: windowOf(september)}), Over)
}

func TestOneHoldStandsAtATime(t *testing.T) {
	s, h := heldStore(t)
	wantUnchanged(t, s, AppendHold(nil, holdOf(3)), Over)
	wantUnchanged(t, s, AppendHold(nil, Hold{h.ID, NoWindow}), Over)
	wantUnchanged(t, s, AppendHold(nil, h), Accepted)
	if standing, ok := s.Hold(); !ok || standing != h {
		t.Errorf("%+v stands, %v", standing, ok)
	}
}

// TestAHoldBeginsWithNothingPending raises the level where the former rules have left
// summaries of a run that was cut off.
func TestAHoldBeginsWithNothingPending(t *testing.T) {
	other := account
	other.ID = "B"
	s := New()
	apply(t, s, halfOfSummaries(AppendAccount(AppendAccount(nil, account), other), 1))
	h := holdOf(1)
	apply(t, s, AppendHold(AppendLevel(nil, LevelHolds), h))
	want(t, s, halfOfSummaries(AppendUnder(nil, h.ID), 0), Accepted)
	want(t, s, closeSeptember(AppendUnder(nil, h.ID), 1), Accepted)
	if bill, _, billed := s.Bill(1, september); billed {
		t.Errorf("the closing kept what another run found: %+v", bill)
	}
}

func TestARecallWaitsUntilItsMonthIsFree(t *testing.T) {
	s, h := heldStore(t)
	want(t, s, halfOfSummaries(AppendUnder(nil, h.ID), 1), Accepted)
	want(t, s, AppendFree(closeSeptember(AppendUnder(nil, h.ID), 1), h.ID), Accepted, Accepted)
	recall := AppendRecall(nil, september, 1, 0, []meter.Point{{Slot: closedFrom + 10, Register: reading(0, 1000).Register}})
	for _, w := range []meter.Window{
		h.Window, {From: closedFrom + 5, To: closedFrom + 15}, {From: 1, To: closedFrom}, {From: closedTo - 1, To: closedTo + 100},
	} {
		again := Hold{holdOf(4).ID, w}
		want(t, s, AppendHold(nil, again), Accepted)
		wantUnchanged(t, s, recall, Held)
		want(t, s, AppendFree(nil, again.ID), Accepted)
	}
	for _, w := range []meter.Window{NoWindow, {From: closedTo, To: closedTo + 100}} {
		again := Hold{holdOf(5).ID, w}
		want(t, s, AppendHold(nil, again), Accepted)
		want(t, thawed(t, s), recall, Accepted)
		want(t, s, AppendFree(nil, again.ID), Accepted)
	}
	want(t, s, append(recall, AppendReading(nil, reading(closedFrom+20, 2000))...), Accepted, Accepted)
}

// TestWhatNeedsNoHoldDoesNotStandUnderOne applies what no run writes.
func TestWhatNeedsNoHoldDoesNotStandUnderOne(t *testing.T) {
	s, h := heldStore(t)
	for name, batch := range map[string][]byte{
		"a reading":    AppendReading(nil, reading(closedTo, 3000)),
		"a hold":       AppendHold(nil, h),
		"another":      AppendUnder(nil, h.ID),
		"an unknown":   {200},
		"reception":    AppendReception(nil, true),
		"nothing more": nil,
	} {
		if _, err := s.Apply(append(AppendUnder(nil, h.ID), batch...), Verdicts{}); err == nil {
			t.Errorf("%s was applied", name)
		}
	}
}

// TestOfTwoSwitchesOneIsTooLate has two callers shut down, and two resume, who all saw
// reception as it was before.
func TestOfTwoSwitchesOneIsTooLate(t *testing.T) {
	b := AppendReception(AppendReception(AppendLevel(nil, LevelHolds), false), false)
	want(t, New(), AppendReception(AppendReception(b, true), true), Accepted, Accepted, Duplicate, Accepted, Duplicate)
}

func TestALevelIsNotLowered(t *testing.T) {
	s := New()
	for _, step := range []struct{ level, want Level }{{LevelBegun, LevelBegun}, {LevelHolds, LevelHolds}, {LevelBegun, LevelHolds}} {
		want(t, s, AppendLevel(nil, step.level), Accepted)
		if got := s.Level(); got != step.want {
			t.Errorf("the level is %d, want %d", got, step.want)
		}
	}
	if _, err := s.Apply(AppendLevel(nil, LevelNewest+1), Verdicts{}); err == nil {
		t.Error("a level that this program does not know was taken")
	}
}
