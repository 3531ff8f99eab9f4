package store

import "meterledger/internal/meter"

// isCalm reports whether nothing that holds for all meters keeps readings out, or has to be told of those that are accepted.
func (s *Store) isCalm(restored bool) bool {
	return s.level >= LevelHolds && (restored || !s.refuses()) && s.hold.Window == NoWindow && s.refusals.count == 0
}

// onward returns how many readings at the beginning of a list are of one meter and one day, behind all that the meter has, and
// do not fall: none if the first needs a closer look. The store is calm, and the meters are known.
func (s *Store) onward(readings []Reading) (n int) {
	first := &readings[0]
	latest := s.latest.at(first.Meter)
	if first.Slot <= latest.Slot || first.Slot < s.closedUntil || s.marked.has(first.Meter) ||
		latest.Slot > 0 && first.Register.Cmp(latest.Register) < 0 {
		return 0
	}
	end := slotOf(pageOf(first.Slot)+1, 0)
	for n = 1; n < len(readings); n++ {
		at, before := &readings[n], &readings[n-1]
		if at.Meter != first.Meter || at.Slot <= before.Slot || at.Slot >= end || at.Register.Cmp(before.Register) < 0 {
			break
		}
	}
	return n
}

// goOn records the readings that onward counts, and returns how many they were. Who sends all of one meter before the
// next sends days of it in a row: its place in the grid is then looked up once a day.
func (s *Store) goOn(readings []Reading) (n int) {
	if n = s.onward(readings); n == 0 {
		return 0
	}
	run := readings[:n]
	s.grid.setRun(run)
	s.readings += uint64(n)
	last := &run[n-1]
	s.latest.set(last.Meter, meter.Point{Slot: last.Slot, Register: last.Register}, s.grid.ice)
	for k := range run {
		s.arrive(run[k].Slot)
	}
	return n
}
