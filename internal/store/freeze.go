package store

import (
	"maps"
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

// Frozen is the state of a store at one moment, whatever becomes of the store.
type Frozen struct {
	store *Store // the one that was frozen

	accounts []meter.Account
	latest   column[meter.Point]
	grid     grid
	months   []month
	pending  map[meter.Month]registers
	days     []DayArchive
	intents  map[string][][32]byte
	paused   bool
}

// Freeze returns the state of this moment. It copies no readings, only where they
// stand; what is changed afterwards is copied then, a chunk at a time. It must not
// run beside Apply, and Thaw must be called before the next Freeze.
func (s *Store) Freeze() *Frozen {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.grid.ice.holds {
		panic("BUG: a store was frozen twice")
	}
	s.grid.ice = ice{s.grid.ice.age + 1, true}
	return s.share()
}

// share returns the present state, which holds as long as nothing is applied or
// ice covers what is there.
func (s *Store) share() *Frozen {
	f := &Frozen{
		store:    s,
		accounts: s.accounts[:len(s.accounts):len(s.accounts)], // only ever appended to
		latest:   s.latest.share(),
		grid:     grid{first: s.grid.first, pages: make([]*page, len(s.grid.pages))},
		months:   make([]month, len(s.months)),
		pending:  make(map[meter.Month]registers, len(s.pending)),
		days:     slices.Clone(s.days),
		intents:  maps.Clone(s.intents),
		paused:   s.paused,
	}
	for i, p := range s.grid.pages {
		if p != nil {
			f.grid.pages[i] = &page{slices.Clone(p.chunks)}
		}
	}
	for i, m := range s.months {
		f.months[i] = *m // its registers are never changed
		f.months[i].recalled = slices.Clone(m.recalled)
	}
	for name, registers := range s.pending {
		f.pending[name] = registers.share()
	}
	return f
}

// Thaw gives a frozen state up.
func (f *Frozen) Thaw() {
	f.store.mu.Lock()
	defer f.store.mu.Unlock()
	f.store.grid.ice.holds = false
}
