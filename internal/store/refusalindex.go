package store

import "hash/maphash"

// refusalTable finds those refusals whose hash begins with its number. Each table grows by
// itself: that takes a part of a millisecond, while a reading may wait.
type refusalTable struct {
	places []refusalPlace // each at or after the spot that the end of its hash names; at most three quarters are taken
	count  int
}

const (
	refusalTables     = 256
	refusalHashShift  = 56 // leaves the number of a table
	refusalTableFirst = 4  // places of a table at first
)

// refusalSeed keeps senders from choosing readings that are slow to find. What is kept does not
// depend on it.
var refusalSeed = maphash.MakeSeed()

func hashOf(of Reading) uint64 { return maphash.Comparable(refusalSeed, of) }

func (t *refusalTable) home(hash uint64) int     { return int(hash) & (len(t.places) - 1) }
func (t *refusalTable) after(spot int) int       { return (spot + 1) & (len(t.places) - 1) }
func (t *refusalTable) way(from, to int) int     { return (to - from) & (len(t.places) - 1) }
func (r *refusals) hashAt(p refusalPlace) uint64 { return hashOf(r.at(p).reading()) }

// find returns the place of a refusal, 0 if it is not kept.
func (r *refusals) find(of Reading) refusalPlace {
	if r.count == 0 {
		return 0
	}
	hash := hashOf(of)
	t := &r.index[hash>>refusalHashShift]
	spot := t.home(hash)
	for t.places[spot] != 0 && !r.at(t.places[spot]).is(of) {
		spot = t.after(spot)
	}
	return t.places[spot]
}

// enter adds a place to the index.
func (r *refusals) enter(p refusalPlace) {
	if r.index == nil {
		r.index = make([]refusalTable, refusalTables)
		for n := range r.index {
			r.growTable(&r.index[n])
		}
	}
	hash := r.hashAt(p)
	t := &r.index[hash>>refusalHashShift]
	if t.count++; 4*t.count > 3*len(t.places) {
		r.growTable(t)
	}
	t.put(hash, p)
}

func (r *refusals) growTable(t *refusalTable) {
	former := t.places
	t.places = make([]refusalPlace, max(refusalTableFirst, 2*len(former)))
	r.held += int64(len(t.places)-len(former)) * refusalPlaceBytes
	for _, p := range former {
		if p != 0 {
			t.put(r.hashAt(p), p)
		}
	}
}

func (t *refusalTable) put(hash uint64, p refusalPlace) {
	spot := t.home(hash)
	for t.places[spot] != 0 {
		spot = t.after(spot)
	}
	t.places[spot] = p
}

// leave removes a place from the index, and moves those after it that stood there because of it.
func (r *refusals) leave(p refusalPlace) {
	hash := r.hashAt(p)
	t := &r.index[hash>>refusalHashShift]
	hole := t.home(hash)
	for t.places[hole] != p {
		hole = t.after(hole)
	}
	for spot := t.after(hole); t.places[spot] != 0; spot = t.after(spot) {
		if home := t.home(r.hashAt(t.places[spot])); t.way(home, spot) >= t.way(hole, spot) {
			t.places[hole], hole = t.places[spot], spot
		}
	}
	t.places[hole] = 0
	t.count--
}
