package store

// age counts how often a store was frozen when a part of it was made or last copied.
type age uint32

// ice lies over a store while a frozen state of it is in use. A part that it
// covers is shared with that state, and is copied before it is changed.
type ice struct {
	age  age
	kept *int64 // bytes that only the frozen state uses; nil if there is none
}

func (i ice) covers(part age) bool { return i.kept != nil && part < i.age }

// keeps notes that a part of some bytes is now the frozen state's alone.
func (i ice) keeps(bytes int64) {
	if i.kept != nil {
		*i.kept += bytes
	}
}

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
	if s.grid.ice.kept != nil {
		panic("BUG: a store was frozen twice")
	}
	s.grid.ice = ice{s.grid.ice.age + 1, new(int64)}
	return &FrozenState{s, s.share()}
}

// Thaw ends the use of a frozen state.
func (f *FrozenState) Thaw() {
	f.store.mu.Lock()
	defer f.store.mu.Unlock()
	f.store.grid.ice.kept = nil
}
