// Package store is the state of the system in memory: accounts, the compact
// grid of live readings, and what is kept of closed months. It is nothing but
// the journal applied in order.
//
// One function changes it, Apply. Whether an entry is accepted, a duplicate or a
// conflict is decided there, from the state and the entry alone: no clock, no
// map order, no chance. A replay of the same journal comes to the same state and
// the same verdicts.
//
// Only one goroutine at a time may call Apply; any number of them may call
// everything else.
package store

import (
	"fmt"
	"sync"
	"sync/atomic"

	"meterledger/internal/meter"
)

// Store holds the state. The zero value is not usable; call New.
type Store struct {
	directory directory
	told      told

	mu sync.RWMutex // guards all below

	state

	closedUntil meter.Slot           // the first slot after all closed months, 0 if there are none
	marked      indexSet             // meters that judge must look at closely
	sink        uint64               // of touch: keeps the compiler from removing its loads
	revised     uint64               // bills, since the process began to apply
	refused     RefusalCounts        // since the process began to apply; Kept is counted elsewhere
	held        held                 // in bytes, see Footprint
	resolved    map[exceptionKey]int // of resolutions: the newest of each exception
	reader      batchReader          // of Apply: kept so that a batch costs no allocation

	credentialPlaces  map[uint64]Index // see findCredential
	operators         []Index          // credentials of that role, also those that do not count any more
	ownerChanges      int
	recentCredentials [recentCredentials]recentCredential
}

// told is what is asked for each reading, and told without waiting while others are applied.
type told struct {
	isShut      atomic.Bool   // reception
	closedUntil atomic.Uint32 // a meter.Slot
}

// New returns an empty store that receives readings, at the level of a journal that
// has just begun.
func New() *Store {
	return &Store{state: newState(), directory: directory{byID: make(map[meter.ID]Index)}, resolved: make(map[exceptionKey]int), credentialPlaces: make(map[uint64]Index)}
}

// Counts returns how many meters are registered and how many readings are in memory.
func (s *Store) Counts() (meters int, readings uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.accounts), s.readings
}

// lockVerdicts is the number of verdicts after which Apply lets readers of the store
// in: some hundred microseconds.
const lockVerdicts = 1024

// Apply makes a batch of entries part of the state and returns one verdict for each of
// them, in order and in the memory of others that nobody needs any more; a pack has one for
// each of its readings. Nothing else changes a store. It gives its lock up now and then, so a
// query may see a part of the batch. An error means that this program did not write the batch.
//
// What an entry does follows from the state and the entry alone, so a replay in
// batches of any size comes to the same state and the same verdicts.
func (s *Store) Apply(batch []byte, memory Verdicts) (Verdicts, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.noteArrivals()
	r := &s.reader
	*r = batchReader{decoder: decoder{rest: batch, s: s}, verdicts: memory.Emptied(), yieldAt: lockVerdicts}
	defer s.noteHeld()
	for len(r.rest) > 0 {
		if r.entry(); r.err != nil {
			return r.verdicts, fmt.Errorf("decoding entry %d of the batch: %w", r.verdicts.n, r.err)
		}
		r.yield()
	}
	r.roll()
	return r.verdicts, nil
}

// batchReader applies the entries of one batch as it reads them.
type batchReader struct {
	decoder

	verdicts Verdicts
	rolled   int // verdicts: those in the digest
	yieldAt  int // verdicts
}

// yield lets readers of the store in if the lock was held for long.
func (r *batchReader) yield() {
	if r.verdicts.n >= r.yieldAt {
		r.s.noteArrivals()
		r.s.noteHeld()
		r.s.mu.Unlock()
		r.s.mu.Lock()
		r.yieldAt = r.verdicts.n + lockVerdicts
	}
}

// entry applies the next entry. One that needs a hold has no effect unless it names the
// hold that stands; below LevelHolds it need not name one.
func (r *batchReader) entry() {
	k := kind(r.uint8())
	switch k {
	case kindReading:
		r.reading(false)
		return
	case kindPack:
		r.pack(false)
		return
	case kindRestored:
		r.restored()
		return
	case kindTerm, kindWitness, kindLevel: // they look at the digest, or begin it
		r.roll()
	}
	held, under := r.s.level < LevelHolds, k == kindUnder
	if under {
		held = r.s.stands(r.holdID())
		k = kind(r.uint8())
	}
	f, needsHold := r.fact(k, under)
	switch {
	case r.err != nil:
	case needsHold && !held:
		r.verdicts.add(Verdict{Outcome: Over})
	default:
		r.verdicts.add(f.effect(r.s))
	}
}

// fact decodes an entry of the table, of which some may stand under a hold.
func (d *decoder) fact(k kind, under bool) (f fact, needsHold bool) {
	entry, known := entryKinds[k]
	switch {
	case !known:
		d.fail(fmt.Errorf("kind %d is not known to this version: %w", k, ErrNewer))
		return nil, false
	case under && !entry.needsHold:
		d.fail(fmt.Errorf("an entry of kind %d does not belong under a hold", k))
		return nil, false
	}
	return entry.decode(d), entry.needsHold
}
