package store

// age counts how often a store was frozen when a part of it was made or last copied.
type age uint32

// ice lies over a store while a frozen state of it is in use. A part that it
// covers is shared with that state, and is copied before it is changed.
type ice struct {
	age   age
	holds bool
}

func (i ice) covers(part age) bool { return i.holds && part < i.age }

// FrozenState is the state of a store at one moment; later entries do not change it.
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

// Thaw ends the use of a frozen state.
func (f *FrozenState) Thaw() {
	f.store.mu.Lock()
	defer f.store.mu.Unlock()
	f.store.grid.ice.holds = false
}
