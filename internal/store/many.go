package store

import "meterledger/internal/meter"

// Judged is a verdict on one of many readings.
type Judged struct {
	Place int // among those that were asked about
	Verdict
}

// Locate looks up the meters of rows under one read lock. It appends to located the
// rows whose meters are registered, and to unknown the places of the others.
func (s *Store) Locate(rows []meter.Row, located []Reading, unknown []int) ([]Reading, []int) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for place := range rows {
		row := &rows[place]
		i, ok := s.byID[meter.ID(row.Meter)]
		if !ok {
			unknown = append(unknown, place)
			continue
		}
		located = append(located, Reading{i, row.Slot, row.Register})
	}
	return located, unknown
}

// JudgeMany judges readings as Judge does, under one read lock. It appends to judged
// those that would not be accepted, in their order. None is judged beside
// another: all of them against the state as it is.
func (s *Store) JudgeMany(readings []Reading, judged []Judged) []Judged {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for place := range readings {
		if v := s.judge(readings[place]); v.Outcome != Accepted {
			judged = append(judged, Judged{place, v})
		}
	}
	return judged
}
