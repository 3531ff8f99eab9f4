package store

import (
	"slices"

	"meterledger/internal/meter"
)

// applyAdopt makes a file that was there before the archive of a month, where it
// fits what is known: the month is not closed, memory holds nothing of it, and the
// registers rise from what comes before it and to what comes after. The rows
// themselves never were in memory.
func (s *Store) applyAdopt(d *decoder) Verdict {
	adopted := d.monthArchive()
	if d.err != nil {
		return Verdict{}
	}
	m := &month{MonthArchive: adopted, registers: s.pending[adopted.Month]}
	delete(s.pending, adopted.Month)
	if s.closedMonth(adopted.Month) != nil || s.grid.any(m.cleared()) {
		return Verdict{Outcome: NotAdopted}
	}
	for i := range Index(len(s.accounts)) {
		if summary, ok := m.summary(i); ok && !s.rises(i, summary) {
			return Verdict{Outcome: NotAdopted, Other: summary.First}
		}
	}
	for i := range Index(len(s.accounts)) {
		if summary, ok := m.summary(i); ok && summary.Last.Slot > s.latest.at(i).Slot {
			s.latest.set(i, summary.Last, s.grid.ice)
		}
	}
	s.closings++
	m.closings = []Closing{{s.closings, adopted.WrittenAt}}
	s.months = append(s.months, m)
	slices.SortFunc(s.months, func(a, b *month) int { return a.Month.Compare(b.Month) })
	return Verdict{Outcome: Accepted}
}

// rises reports whether a part of a meter's readings fits between those before and
// behind it.
func (s *Store) rises(i Index, part Summary) bool {
	earlier, hasEarlier := s.earlier(i, part.First.Slot)
	later, hasLater := s.later(i, part.Last.Slot)
	return rising(earlier, hasEarlier, meter.Point{}, false, part.First.Register).Outcome == Accepted &&
		rising(meter.Point{}, false, later, hasLater, part.Last.Register).Outcome == Accepted
}
