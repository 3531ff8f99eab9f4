package store

import "meterledger/internal/meter"

// silentTogether is for how many meters the lock is held at a time: some ten
// microseconds.
const silentTogether = 4096

// Silent returns meters whose latest reading lies at or before a slot, or that have
// none, in the order of registration from an index on: at most limit of them, and
// the index of the next, or false where there is none.
func (s *Store) Silent(from Index, last meter.Slot, limit int) (found []Index, next Index, more bool) {
	for end := false; !end; {
		found, from, end = s.silentSome(found, from, last, limit+1)
		if len(found) > limit {
			return found[:limit], found[limit], true
		}
	}
	return found, 0, false
}

// silentSome looks at some meters, and returns the first that it did not look at and
// whether there is none.
func (s *Store) silentSome(found []Index, from Index, last meter.Slot, limit int) ([]Index, Index, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for range silentTogether {
		if int(from) >= len(s.accounts) || len(found) == limit {
			return found, from, int(from) >= len(s.accounts)
		}
		if s.latest.at(from).Slot <= last { // a meter without readings has slot 0
			found = append(found, from)
		}
		from++
	}
	return found, from, false
}
