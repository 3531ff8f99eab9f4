package main

import (
	"math/rand/v2"
	"sync"
)

// unfinishedMin is how many homes have something left to send at any time.
const unfinishedMin = 40

// fleet is all homes that one pair of folders has seen.
type fleet struct {
	calendar *calendar
	mu       sync.Mutex // guards all below
	homes    []*home
	active   []*home // those that have not sent everything
}

// pick returns a home that has readings to send, a new one now and then.
func (f *fleet) pick(chance *rand.Rand) *home {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.active) > 0 {
		i := chance.IntN(max(len(f.active), unfinishedMin))
		if i >= len(f.active) {
			break
		}
		if h := f.active[i]; !h.finished() {
			return h
		}
		f.active[i] = f.active[len(f.active)-1]
		f.active = f.active[:len(f.active)-1]
	}
	h := newHome(len(f.homes)+1, f.calendar, chance)
	f.homes, f.active = append(f.homes, h), append(f.active, h)
	return h
}

// any returns any home that there is.
func (f *fleet) any(chance *rand.Rand) *home {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.homes) == 0 {
		return nil
	}
	return f.homes[chance.IntN(len(f.homes))]
}

// all returns every home.
func (f *fleet) all() []*home {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]*home(nil), f.homes...)
}
