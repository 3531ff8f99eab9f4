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
	some := make([]Index, 0, silentTogether)
	for end := false; !end; {
		var accounts []meter.Account
		some, accounts, end = s.silentFrom(some[:0], from, by.Last)
		from += silentTogether
		for _, i := range some { // without the lock: ids are all over the memory
			if id := accounts[i].ID; len(id) <= len(by.Begins) || !strings.HasPrefix(string(id), string(by.Begins)) {
				continue
			}
			if len(found) == limit {
				return found, i, true
			}
			found = append(found, i)
		}
	}
	return found, 0, false
}

// silentFrom appends those of silentTogether meters from an index on that have no reading after a
// slot. It returns all accounts too, which are only ever added to, and whether these were the last.
func (s *Store) silentFrom(some []Index, from Index, last meter.Slot) (_ []Index, accounts []meter.Account, end bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	to := min(from+silentTogether, Index(len(s.accounts)))
	for i := from; i < to; i++ {
		if s.latest.at(i).Slot <= last { // a meter without readings has slot 0
			some = append(some, i)
		}
	}
	return some, s.accounts, int(from)+silentTogether >= len(s.accounts)
}
