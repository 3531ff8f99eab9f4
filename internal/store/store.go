package store

import (
	"sync"

	"meterledger/internal/meter"
)

// Store holds the state. The zero value is not usable; call New.
type Store struct {
	mu sync.RWMutex // guards all below

	state

	byID        map[meter.ID]Index // of accounts
	closedUntil meter.Slot         // the first slot after all closed months, 0 if there are none
	followers   []uint32           // by Index: see Locate; its elements are read and written atomically, under mu for reading
	sink        uint64             // of touch: keeps the compiler from removing its loads
}

// New returns an empty store that receives readings, at the level of a journal that
// has just begun.
func New() *Store {
	return &Store{
		state: state{level: LevelBegun, intents: make(map[string][][32]byte), pending: make(map[meter.Month]*newMonth), hold: noHold},
		byID:  make(map[meter.ID]Index),
	}
}

// Counts returns how many meters are registered and how many readings are in memory.
func (s *Store) Counts() (meters int, readings uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.accounts), s.readings
}
