package store

import (
	"meterledger/internal/meter"
	"meterledger/internal/mutant"
)

// neighbours are a meter's readings at a slot and on both sides of it, in memory or in a
// closed month; nil where there is none.
type neighbours struct{ before, at, after *meter.Point }

func (s *Store) around(i Index, slot meter.Slot) (near neighbours) {
	if p, ok := s.earlier(i, slot); ok {
		near.before = &p
	}
	if register, ok := s.at(i, slot); ok {
		near.at = &meter.Point{Slot: slot, Register: register}
	}
	if p, ok := s.later(i, slot); ok {
		near.after = &p
	}
	return near
}

func (n neighbours) stretch() meter.Stretch {
	s := meter.Stretch{Begins: n.before == nil, Ends: n.after == nil}
	for _, p := range [...]*meter.Point{n.before, n.at, n.after} {
		if p != nil {
			s.Readings = append(s.Readings, *p)
		}
	}
	return s
}

// shows returns the last register before or at a slot, if it is of the same dial.
func (n neighbours) shows(d meter.Dials, slot meter.Slot) meter.Register {
	switch {
	case n.at != nil:
		return n.at.Register
	case n.before != nil && len(d.Between(n.before.Slot, slot+1)) == 0:
		return n.before.Register
	}
	return meter.Register{}
}

// earlier returns the meter's latest reading before a slot, in memory or in a
// closed month. What a month's summary says of rows that are in memory may be out of date.
func (s *Store) earlier(i Index, slot meter.Slot) (meter.Point, bool) {
	found, ok := s.grid.before(i, slot)
	for _, m := range s.months {
		summary, _ := m.summary(i)
		if m.mustRecall(i) && summary.Last.Slot < slot && (!ok || summary.Last.Slot > found.Slot) {
			found, ok = summary.Last, true
		}
	}
	return found, ok
}

// later returns the meter's first reading after a slot, in memory or in a
// closed month.
func (s *Store) later(i Index, slot meter.Slot) (meter.Point, bool) {
	found, ok := s.grid.after(i, slot)
	for _, m := range s.months {
		summary, _ := m.summary(i)
		if m.mustRecall(i) && summary.First.Slot > slot && (!ok || summary.First.Slot < found.Slot) {
			found, ok = summary.First, true
		}
	}
	return found, ok
}

// A register belongs to the closed month of its slot, and if it is changed itself, also to the
// month that ends with it.
func (s *Store) concerned(slot meter.Slot, changed bool) (months []*month) {
	for _, m := range s.months {
		if m.Window.Rows().Contains(slot) || changed && m.Window.To == slot {
			months = append(months, m)
		}
	}
	return months
}

// open reports whether what is stored of a meter at a slot can be changed, or understood
// anew. Archived names a slot of a month whose rows must be recalled first.
func (s *Store) open(i Index, slot meter.Slot, changed bool) Verdict {
	if w := s.hold.Window; w.Contains(slot) || changed && w.Contains(slot-1) {
		return Verdict{Held, meter.Point{Slot: slot}}
	}
	for _, m := range s.concerned(slot, changed) {
		if m.mustRecall(i) {
			return Verdict{Archived, meter.Point{Slot: m.Window.From}}
		}
	}
	return Verdict{Outcome: Accepted}
}

// closeAgain makes sure that the months are closed again in which something was changed.
func (s *Store) closeAgain(slot meter.Slot, changed bool) {
	for _, m := range s.concerned(slot, changed) {
		m.late = m.late || !mutant.ExchangeNotClosed
	}
}
