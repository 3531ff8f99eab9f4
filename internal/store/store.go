package store

import (
	"slices"
	"strings"
	"sync"

	"meterledger/internal/meter"
)

// Index is a meter's place in the order of registration, from 0.
type Index uint32

// Store holds the state. The zero value is not usable; call New.
type Store struct {
	mu sync.RWMutex // guards all below

	accounts  []meter.Account // by Index
	byID      map[meter.ID]Index
	latest    column[meter.Point] // by Index: the reading with the latest slot ever accepted; slot 0 before the first
	grid      grid
	months    []*month                  // archived and cleared, in order of time
	closings  uint32                    // of all months, those that were closed again counted again
	pending   map[meter.Month]registers // of months that are being closed
	days      []DayArchive              // in order of time
	intents   map[string][][32]byte     // by period: hashes of the archives that were about to be put in place since it was closed last
	paused    bool                      // reception was shut down
	readings  uint64                    // in the grid
	followers []uint32                  // by Index: see Locate; its elements are read and written atomically, under mu for reading
	touched   uint64                    // by touch, so that it is not left out
}

// New returns an empty store that receives readings.
func New() *Store {
	return &Store{byID: make(map[meter.ID]Index), pending: make(map[meter.Month]registers), intents: make(map[string][][32]byte)}
}

// Lookup returns the index of a registered meter.
func (s *Store) Lookup(id meter.ID) (Index, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i, ok := s.byID[id]
	return i, ok
}

// Account returns what was registered for a meter.
func (s *Store) Account(i Index) meter.Account {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.accounts[i]
}

// Receiving reports whether reception is on.
func (s *Store) Receiving() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return !s.paused
}

// Counts returns how many meters are registered and how many readings are in memory.
func (s *Store) Counts() (meters int, readings uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.accounts), s.readings
}

// SortedByID returns all meters in the byte order of their ids, which is the
// order of the archives.
func (s *Store) SortedByID() []Index {
	s.mu.RLock()
	accounts := s.accounts // only ever added to; a nation's take a second to sort
	s.mu.RUnlock()
	order := make([]Index, len(accounts))
	for i := range order {
		order[i] = Index(i)
	}
	slices.SortFunc(order, func(a, b Index) int {
		return strings.Compare(string(accounts[a].ID), string(accounts[b].ID))
	})
	return order
}
