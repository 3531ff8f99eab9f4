package store

import (
	"slices"

	"meterledger/internal/meter"
)

// age counts how often a store was frozen when a part of it was made or last copied.
type age uint32

// ice lies over a store while a frozen state of it is in use. A part that it
// covers is shared with that state, and is copied before it is changed.
type ice struct {
	age   age
	holds bool
}

func (i ice) covers(part age) bool { return i.holds && part < i.age }

// FrozenState is the state of a store at one moment, whatever becomes of the store.
type FrozenState struct {
	store *Store // the one that was frozen

	state
}

// Freeze returns the state of this moment. It copies no readings, only where they
// stand; what is changed afterwards is copied then, a chunk at a time. It must not
// run beside Apply, and Thaw must be called before the next Freeze.
func (s *Store) Freeze() *FrozenState {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.grid.ice.holds {
		panic("BUG: a store was frozen twice")
	}
	s.grid.ice = ice{s.grid.ice.age + 1, true}
	return &FrozenState{s, s.share()}
}

// share returns the present state, which holds as long as nothing is applied or
// ice covers what is there.
func (s *Store) share() state {
	shared := s.state
	shared.latest = s.latest.share()
	shared.grid = s.grid.share()
	shared.months = make([]*month, len(s.months))
	for i, m := range s.months {
		shared.months[i] = &month{m.MonthArchive, m.registers.share(), slices.Clone(m.recalled), m.late}
	}
	shared.pending = make(map[meter.Month]*newMonth, len(s.pending))
	for name, p := range s.pending {
		shared.pending[name] = &newMonth{p.registers.share(), slices.Clip(p.revised)}
	}
	return shared
}

// Thaw gives a frozen state up.
func (f *FrozenState) Thaw() {
	f.store.mu.Lock()
	defer f.store.mu.Unlock()
	f.store.grid.ice.holds = false
}
