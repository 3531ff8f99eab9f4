package store

import "fmt"

// lockVerdicts is after how many verdicts Apply leaves the store to its readers for a
// moment: some hundred microseconds.
const lockVerdicts = 1024

// Apply makes a batch of entries part of the state and appends one verdict for each of
// them, in order; a run has one for each of its readings. It is the only thing that
// changes a store, and it gives its lock up now and then, so a query may see a part of
// the batch. An error means that the batch is not one: it was not written by this
// program.
//
// What an entry does follows from the state and the entry alone, so a replay in
// batches of any size comes to the same state and the same verdicts.
func (s *Store) Apply(batch []byte, verdicts []Verdict) ([]Verdict, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := &applier{decoder: decoder{rest: batch, s: s}, verdicts: verdicts, yieldAt: len(verdicts) + lockVerdicts}
	for len(a.rest) > 0 {
		if a.entry(); a.err != nil {
			return a.verdicts, fmt.Errorf("decoding entry %d of the batch: %w", len(a.verdicts)-len(verdicts), a.err)
		}
		a.yield()
	}
	return a.verdicts, nil
}

// applier goes through one batch.
type applier struct {
	decoder

	verdicts []Verdict
	yieldAt  int // verdicts
}

// yield gives the lock up if it was held for long.
func (a *applier) yield() {
	if len(a.verdicts) >= a.yieldAt {
		a.s.mu.Unlock()
		a.s.mu.Lock()
		a.yieldAt = len(a.verdicts) + lockVerdicts
	}
}

func (a *applier) entry() {
	k := kind(a.uint8())
	switch k {
	case kindReading:
		a.reading(false)
		return
	case kindRun:
		a.run(false)
		return
	case kindRestored:
		a.restored()
		return
	}
	f := decodeFact(k, &a.decoder)
	switch {
	case a.err != nil:
	case a.s.level >= LevelHolds && k.needsHold():
		a.verdicts = append(a.verdicts, Verdict{Outcome: Over})
	default:
		a.verdicts = append(a.verdicts, f.effect(a.s))
	}
}

func unknownFact(k kind, d *decoder) fact {
	d.fail(fmt.Errorf("kind %d is not known to this version", k))
	return nil
}
