package store

import (
	"slices"
	"testing"
	"time"

	"meterledger/internal/meter"
)

var account = meter.Account{ID: "A", OwnerName: "Tan", Address: "Road", RegisteredAt: time.Unix(1_700_000_000, 0)}

func reading(slot meter.Slot, digits int64) Reading {
	register, _ := meter.RegisterFromParts(digits, 3)
	return Reading{0, slot, register}
}

func apply(t *testing.T, s *Store, batch []byte) []Outcome {
	t.Helper()
	verdicts, err := s.Apply(batch, Verdicts{})
	if err != nil {
		t.Fatal(err)
	}
	outcomes := make([]Outcome, verdicts.Len())
	for i, v := range verdicts.From(0) {
		outcomes[i] = v.Outcome
	}
	return outcomes
}

// closedStore has a meter with two readings in a closed month of slots 960000 to 960100.
func closedStore(t *testing.T) (s *Store, history [][]byte) {
	t.Helper()
	first, last := reading(960_010, 1000), reading(960_050, 2000)
	batch := AppendReading(AppendReading(AppendAccount(nil, account), first), last)
	month := meter.Month{Year: 2024, Month: 9}
	closing := AppendIntent(nil, month.Period(), [32]byte{1})
	closing = AppendSummaries(closing, month, []SummaryOf{{0, Summary{
		Count: 2, First: meter.Point{Slot: first.Slot, Register: first.Register}, Last: meter.Point{Slot: last.Slot, Register: last.Register},
	}}})
	closing = AppendClose(closing, MonthArchive{
		Month: month, Window: meter.Window{From: 960_000, To: 960_100}, Revision: 1, Archive: Archive{Rows: 2},
	})
	history = [][]byte{batch, closing}
	s = New()
	for _, b := range history {
		apply(t, s, b)
	}
	return s, history
}

func TestClosingClearsMemoryAndKeepsTheLatestReading(t *testing.T) {
	s, _ := closedStore(t)
	if _, readings := s.Counts(); readings != 0 {
		t.Errorf("%d readings in memory", readings)
	}
	if latest := s.latest.at(0); latest.Slot != 960_050 {
		t.Errorf("latest is %v", latest)
	}
	if v := s.Judge(reading(960_100, 1999), false); v.Outcome != BelowEarlier || v.Other.Slot != 960_050 {
		t.Errorf("the rising rule forgot the closed month: %+v", v)
	}
}

func TestLateReadingWaitsForItsArchivedRows(t *testing.T) {
	s, _ := closedStore(t)
	late := AppendReading(nil, reading(960_020, 1500))
	if got := apply(t, s, late); got[0] != Archived {
		t.Errorf("without recall: %v", got)
	}
	points := []meter.Point{
		{Slot: 960_010, Register: reading(0, 1000).Register}, {Slot: 960_050, Register: reading(0, 2000).Register},
	}
	month := meter.Month{Year: 2024, Month: 9}
	if got := apply(t, s, AppendRecall(nil, month, 2, 0, points)); got[0] != StaleRecall {
		t.Errorf("recall of another revision: %v", got)
	}
	recalled := append(AppendRecall(nil, month, 1, 0, points), late...)
	if got := apply(t, s, recalled); !slices.Equal(got, []Outcome{Accepted, Accepted}) {
		t.Errorf("with recall: %v", got)
	}
	if months := s.LateMonths(); !slices.Equal(months, []meter.Month{month}) {
		t.Errorf("late months: %v", months)
	}
}

func TestARecallLeavesWhatIsInMemory(t *testing.T) {
	s, _ := closedStore(t)
	after := reading(960_060, 3000) // later than all, so that it needs no recall
	apply(t, s, AppendReading(nil, after))
	rows := []meter.Point{
		{Slot: 960_010, Register: reading(0, 1000).Register},
		{Slot: 960_050, Register: reading(0, 2000).Register},
		{Slot: after.Slot, Register: reading(0, 2500).Register}, // of a file that nobody may believe
	}
	apply(t, s, AppendRecall(nil, meter.Month{Year: 2024, Month: 9}, 1, 0, rows))
	if register, ok := s.At(0, after.Slot); !ok || register != after.Register {
		t.Errorf("the register is %v, want %v", register, after.Register)
	}
	if _, readings := s.Counts(); readings != 3 {
		t.Errorf("%d readings, want 3", readings)
	}
}

func TestApplyingHistoryAgainChangesNothing(t *testing.T) {
	s, history := closedStore(t)
	apply(t, s, AppendReading(nil, reading(960_060, 3000))) // after the closing, within its month
	before := s.Hash()
	for _, batch := range history {
		apply(t, s, batch)
	}
	if s.Hash() != before {
		t.Error("the state is another one")
	}
	if meters, readings := s.Counts(); meters != 1 || readings != 1 {
		t.Errorf("%d meters and %d readings, want 1 and 1", meters, readings)
	}
	if months := s.Months(); len(months) != 1 || months[0].Revision != 1 {
		t.Errorf("months: %+v", months)
	}
}

func TestBatchThatIsNoneIsRefusedNotGuessed(t *testing.T) {
	whole := AppendReading(AppendAccount(nil, account), reading(960_000, 1))
	s := New()
	for cut := 1; cut < len(whole); cut++ {
		verdicts, err := New().Apply(whole[:cut], Verdicts{})
		if err == nil && verdicts.Len() == 2 {
			t.Errorf("cut at %d of %d: taken for whole", cut, len(whole))
		}
	}
	for name, batch := range map[string][]byte{
		"unknown kind":          {200},
		"unregistered meter":    AppendReading(nil, reading(960_000, 1)),
		"register out of sight": append(AppendReading(nil, reading(960_000, 1))[:9], 99, 0, 0, 0, 0, 0, 0, 0, 1),
	} {
		if _, err := s.Apply(batch, Verdicts{}); err == nil {
			t.Errorf("%s was applied", name)
		}
	}
}
