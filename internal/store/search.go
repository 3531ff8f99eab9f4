package store

import (
	"strings"

	"meterledger/internal/meter"
)

// Search says which meters are looked for.
type Search struct {
	Begins meter.ID   // what their ids begin with, and are longer than; empty for all
	Last   meter.Slot // they have no reading after it
}

// Find returns the meters that are looked for, in the order of registration from an index on: at
// most limit of them, and the index of the next, or false if there is none.
func (s *Store) Find(from Index, by Search, limit int) (found []Index, next Index, more bool) {
	s.mu.RLock()
	accounts := s.accounts // only ever added to; to compare a nation's ids takes milliseconds
	s.mu.RUnlock()
	some := make([]Index, 0, min(limit+1, silentTogether))
	for int(from) < len(accounts) {
		some = some[:0]
		for ; int(from) < len(accounts) && len(some) < cap(some); from++ {
			if id := accounts[from].ID; len(id) > len(by.Begins) && strings.HasPrefix(string(id), string(by.Begins)) {
				some = append(some, from)
			}
		}
		if found = s.addSilent(found, some, by.Last, limit+1); len(found) > limit {
			return found[:limit], found[limit], true
		}
	}
	return found, 0, false
}

// addSilent appends those of some meters that have no reading after a slot, until found has limit.
func (s *Store) addSilent(found, some []Index, last meter.Slot, limit int) []Index {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, i := range some {
		if len(found) == limit {
			break
		}
		if s.latest.at(i).Slot <= last { // a meter without readings has slot 0
			found = append(found, i)
		}
	}
	return found
}
