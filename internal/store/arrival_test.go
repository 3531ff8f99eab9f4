package store

import (
	"slices"
	"testing"

	"meterledger/internal/meter"
)

// TestADayLacksWhatCameSinceItWasArchived archives a day while readings come.
func TestADayLacksWhatCameSinceItWasArchived(t *testing.T) {
	s := New()
	day, w := meter.Day{Year: 2024, Month: 9, Day: 1}, meter.Window{From: closedFrom, To: closedFrom + 47}
	lacks := func(s *Store) bool { return s.CameSince(w, s.Days()[0].Arrivals) }
	archive := func(number uint64, between ...Reading) {
		h := Hold{HoldID{Alone.Number, 7, number}, NoWindow}
		archive := DayArchive{day, Archive{Rows: number}, s.Arrivals()}
		b := AppendReadings(AppendHold(nil, h), between, false)
		b = AppendFree(AppendDay(AppendUnder(b, h.ID), archive), h.ID)
		mustApply(t, s, b)
		before := s.Hash()
		if mustApply(t, s, b); s.Hash() != before {
			t.Error("the second time it changes something")
		}
	}
	mustApply(t, s, AppendAccount(AppendLevel(nil, LevelHolds), account))
	mustApply(t, s, AppendReading(nil, reading(closedFrom, 1000)))
	archive(1)
	if lacks(s) || lacks(thawed(t, s)) {
		t.Error("it lacks something right after it was archived")
	}
	mustApply(t, s, AppendReading(nil, reading(closedFrom, 1000)))    // a duplicate
	mustApply(t, s, AppendReading(nil, reading(closedFrom+1, 900)))   // refused
	mustApply(t, s, AppendReading(nil, reading(closedFrom+48, 9000))) // of the next day
	if lacks(s) {
		t.Error("it lacks what is not its own")
	}
	archive(2, reading(closedFrom+2, 2000))
	if !lacks(s) || !lacks(thawed(t, s)) {
		t.Error("it does not lack what came while it was written")
	}
	if archive(3); lacks(s) || lacks(thawed(t, s)) {
		t.Error("it lacks something after it was archived again")
	}
}

// TestDaysOfAStateFromBeforeArrivalsLackWhatIsInMemory reads a state as it was written
// before there were arrivals.
func TestDaysOfAStateFromBeforeArrivalsLackWhatIsInMemory(t *testing.T) {
	s := New()
	mustApply(t, s, AppendAccount(AppendLevel(nil, LevelHolds), account))
	mustApply(t, s, AppendReading(nil, reading(closedFrom+5, 1000)))
	for day := range 2 {
		h := Hold{HoldID{Alone.Number, 7, uint64(day + 1)}, NoWindow}
		b := AppendDay(AppendUnder(AppendHold(nil, h), h.ID), DayArchive{Day: meter.Day{Year: 2024, Month: 9, Day: day + 1}})
		mustApply(t, s, AppendFree(b, h.ID))
	}
	frozen := s.Freeze()
	defer frozen.Thaw()
	var before [][]byte
	for _, record := range encodeState(t, frozen) {
		switch record[0] {
		case 18, 19:
			continue
		case 4:
			record = record[:len(record)-8]
			record[1] = 1
		case 12: // which counts the records
			record = slices.Clone(record)
			record[5] -= 2
		}
		before = append(before, record)
	}
	restored, err := decodeState(before)
	if err != nil {
		t.Fatal(err)
	}
	for place, want := range []bool{true, false} {
		from := meter.Slot(closedFrom + 48*place)
		if got := restored.CameSince(meter.Window{From: from, To: from + 47}, restored.Days()[place].Arrivals); got != want {
			t.Errorf("day %d lacks something: %v, want %v", place, got, want)
		}
	}
}
