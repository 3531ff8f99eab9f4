package store

import "meterledger/internal/meter"

// MeterRows is what the store knows of a meter within a window: the readings in
// memory, and the closed months whose archives hold the others.
type MeterRows struct {
	Points   []meter.Point  // in order of time
	Archives []MonthSummary // in order of time
}

// Read returns a meter's readings in memory within a window, appended to buffer,
// and the archives that may hold more of them, both of the same moment.
func (s *Store) Read(i Index, w meter.Window, buffer []meter.Point) MeterRows {
	s.mu.RLock()
	defer s.mu.RUnlock()
	known := MeterRows{Points: s.grid.appendPoints(buffer, i, w)}
	for _, m := range s.months {
		if m.holds(i, w) {
			summary, _ := m.summary(i)
			known.Archives = append(known.Archives, MonthSummary{m.MonthArchive, summary})
		}
	}
	return known
}

// HasReadings reports whether any meter has readings in memory within a window.
func (s *Store) HasReadings(w meter.Window) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.grid.any(w)
}

// At returns the meter's register at a slot that is in memory, or that a closed
// month begins with.
func (s *Store) At(i Index, slot meter.Slot) (meter.KWh, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if register, ok := s.grid.at(i, slot); ok {
		return register, true
	}
	if m := s.monthAt(slot); m != nil {
		if summary, ok := m.summary(i); ok && summary.First.Slot == slot {
			return summary.First.Register, true
		}
	}
	return meter.KWh{}, false
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
	near.Archive = s.archivedAround(i, slot)
	return near
}

// After looks for the first reading of a meter after a slot.
func (s *Store) After(i Index, slot meter.Slot) (near Neighbour) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	near.Point, near.Found = s.later(i, slot)
	near.Archive = s.archivedAround(i, slot)
	return near
}

// archivedAround returns the closed month between whose first and last reading of
// the meter a slot lies, where its rows are in the archive only, or nil.
func (s *Store) archivedAround(i Index, slot meter.Slot) *MonthSummary {
	for _, m := range s.months {
		if summary, _ := m.summary(i); m.mustRecall(i) && summary.First.Slot <= slot && slot <= summary.Last.Slot {
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

// Closed returns the closed months that hold a window, in order of time, its very
// last register excepted, which may be the first of the month after. It reports
// false where a part of the window lies in no closed month.
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
