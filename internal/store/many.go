package store

import (
	"sync/atomic"

	"meterledger/internal/meter"
)

// PlacedVerdict is a verdict on one of many readings.
type PlacedVerdict struct {
	Place int // among those that were asked about
	Verdict
}

// Locate looks up the meters of rows under one read lock, last being the meter of the
// row before them, if there was one. It appends to located the rows whose meters are
// registered, and to unknown the places of the others.
//
// Senders keep to their order from one time to the next, so the meter that followed
// the last one before is tried first: its id is compared where a look into the map
// would cost three misses of the cache.
func (s *Store) Locate(rows []meter.Row, last Index, located []Reading, unknown []int) ([]Reading, []int) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for place := range rows {
		row := &rows[place]
		i, ok := s.follower(last, row.Meter)
		if !ok {
			if i, ok = s.byID[meter.ID(row.Meter)]; !ok {
				unknown = append(unknown, place)
				continue
			}
			atomic.StoreUint32(&s.followers[last], uint32(i))
		}
		located = append(located, Reading{i, row.Slot, row.Register})
		last = i
	}
	return located, unknown
}

// follower returns the meter that came after last when it was located last, if it is the
// one that is looked for.
func (s *Store) follower(last Index, id []byte) (Index, bool) {
	if int(last) >= len(s.followers) {
		return 0, false // there are no meters
	}
	i := Index(atomic.LoadUint32(&s.followers[last]))
	return i, string(s.accounts[i].ID) == string(id)
}

// JudgeMany judges readings as Judge does, under one read lock. It appends to judged
// those that would not be accepted, in their order. None is judged beside
// another: all of them against the state as it is.
func (s *Store) JudgeMany(readings []Reading, restored bool, judged []PlacedVerdict) []PlacedVerdict {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for place := range readings {
		if v := s.judge(readings[place], restored); v.Outcome != Accepted {
			judged = append(judged, PlacedVerdict{place, v})
		}
	}
	return judged
}
