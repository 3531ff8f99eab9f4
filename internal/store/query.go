package store

import "meterledger/internal/meter"

// Held is what the store knows of a meter within a window: the readings in
// memory, and the closed months whose archives hold the others.
type Held struct {
	Points   []meter.Point  // in order of time
	Archives []MonthSummary // in order of time
}

// Read returns a meter's readings in memory within a window, appended to buffer,
// and the archives that may hold more of them, both of the same moment.
func (s *Store) Read(i Index, w meter.Window, buffer []meter.Point) Held {
	s.mu.RLock()
	defer s.mu.RUnlock()
	held := Held{Points: s.grid.appendPoints(buffer, i, w)}
	for _, m := range s.months {
		if m.cleared().From <= w.To && w.From <= m.cleared().To && m.mustRecall(i) {
			summary, _ := m.summary(i)
			held.Archives = append(held.Archives, MonthSummary{m.MonthArchive, summary})
		}
	}
	return held
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
