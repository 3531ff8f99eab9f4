package store

import "meterledger/internal/meter"

// MeterRows is what the store knows of a meter's rows within a window: those in
// memory, and the closed months whose archives hold the others.
type MeterRows struct {
	Points   []meter.Point  // in order of time
	Archives []MonthSummary // in order of time
	Dials    meter.Dials    // of the same moment
}

// Read returns a meter's readings in memory within a window, appended to buffer,
// and the archives that may hold more of them, both of the same moment.
func (s *Store) Read(i Index, w meter.Window, buffer []meter.Point) MeterRows {
	s.mu.RLock()
	defer s.mu.RUnlock()
	rows := MeterRows{Points: s.grid.appendPoints(buffer, i, w), Dials: s.lifeOf(i).dials}
	for _, m := range s.months {
		if m.holds(i, w) {
			summary, _ := m.summary(i)
			rows.Archives = append(rows.Archives, MonthSummary{m.MonthArchive, summary})
		}
	}
	return rows
}

// Span is what a window holds of a meter's readings: the first, the last and how many.
type Span struct {
	Count       int
	First, Last meter.Point // if Count is not 0
	Dials       meter.Dials // of the same moment
}

// Span returns what there is in memory of a meter within a window. It reports false if a
// closed month's archive may hold more of it: then Read says which.
func (s *Store) Span(i Index, w meter.Window) (span Span, whole bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, m := range s.months {
		if m.holds(i, w) {
			return Span{}, false
		}
	}
	span = s.grid.span(i, w)
	if s.marked.has(i) {
		span.Dials = s.lifeOf(i).dials
	}
	return span, true
}

// HasReadings reports whether any meter has readings in memory within a window.
func (s *Store) HasReadings(w meter.Window) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.grid.any(w)
}

// At returns the meter's register at a slot that is in memory, or that a closed
// month begins with.
func (s *Store) At(i Index, slot meter.Slot) (meter.Register, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.at(i, slot)
}

func (s *Store) at(i Index, slot meter.Slot) (meter.Register, bool) {
	if register, ok := s.grid.at(i, slot); ok {
		return register, true
	}
	if m := s.monthAt(slot); m != nil {
		if summary, _ := m.summary(i); m.mustRecall(i) && summary.First.Slot == slot {
			return summary.First.Register, true
		}
	}
	return meter.Register{}, false
}

// Latest returns the meter's reading with the latest slot ever accepted; its slot
// is 0 before the first.
func (s *Store) Latest(i Index) meter.Point {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.latest.at(i)
}

// Neighbour is the reading of a meter that is nearest to a slot on one side of it.
type Neighbour struct {
	Point   meter.Point   // as far as memory knows
	Found   bool          // there is one
	Archive *MonthSummary // a closed month whose archive may hold a nearer one, or nil
}

// Before looks for the latest reading of a meter before a slot.
func (s *Store) Before(i Index, slot meter.Slot) (near Neighbour) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	near.Point, near.Found = s.earlier(i, slot)
	near.Archive = s.archivedAcross(i, max(slot, 1)-1, slot)
	return near
}

// After looks for the first reading of a meter after a slot.
func (s *Store) After(i Index, slot meter.Slot) (near Neighbour) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	near.Point, near.Found = s.later(i, slot)
	near.Archive = s.archivedAcross(i, slot, slot+1)
	return near
}

// archivedAcross returns the closed month whose readings of the meter lie on both sides of the
// border between two slots, the one right after the other, if its rows are in the archive only, or
// nil. The register with which a month ends is the first of the next one too: a slot alone does not
// say which of the two months is meant.
func (s *Store) archivedAcross(i Index, slot, next meter.Slot) *MonthSummary {
	for _, m := range s.months {
		if summary, _ := m.summary(i); m.mustRecall(i) && summary.First.Slot <= slot && next <= summary.Last.Slot {
			return &MonthSummary{m.MonthArchive, summary}
		}
	}
	return nil
}

// ClosedMonth is a closed month as it is now.
type ClosedMonth struct {
	MonthArchive
	Late bool // readings came since it was closed
}

// Closed returns the closed months that hold a window, in order of time, except its
// last register, which may be the first of the month after. It reports false if a
// part of the window lies in no closed month.
func (s *Store) Closed(w meter.Window) (months []ClosedMonth, whole bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, m := range s.months {
		if from := max(w.From, m.Window.From); from == w.From && from < m.Window.To && from < w.To {
			months = append(months, ClosedMonth{m.MonthArchive, m.late})
			w.From = min(m.Window.To, w.To)
		}
	}
	return months, w.From == w.To
}

// silentTogether is the number of meters for which the lock is held at a time: some ten
// microseconds.
const silentTogether = 4096

// CountSilent returns how many meters have no reading after a slot, and the latest slot that
// any meter has a reading for, 0 without readings.
func (s *Store) CountSilent(last meter.Slot) (silent int, newest meter.Slot) {
	for latest := range s.latestSlots {
		newest = max(newest, latest)
		if latest <= last {
			silent++
		}
	}
	return silent, newest
}

// CountLatest counts the meters by the slot of their latest reading: the first of counts gets those of
// that slot or later, the second those of the slot before, and so on. The last gets older ones too.
func (s *Store) CountLatest(newest meter.Slot, counts []int) (never int) {
	oldest := newest - meter.Slot(len(counts)-1)
	for latest := range s.latestSlots {
		if latest == 0 {
			never++
			continue
		}
		counts[newest-min(max(latest, oldest), newest)]++
	}
	return never
}

// latestSlots yields the slot of each meter's latest reading, 0 without readings, with the lock held.
func (s *Store) latestSlots(yield func(meter.Slot) bool) {
	some := func(from Index) (to Index, more bool) {
		s.mu.RLock()
		defer s.mu.RUnlock()
		to = min(from+silentTogether, Index(len(s.accounts)))
		for i := from; i < to; i++ {
			if !yield(s.latest.at(i).Slot) {
				return to, false
			}
		}
		return to, to == from+silentTogether
	}
	for from, more := some(0); more; {
		from, more = some(from)
	}
}
