package store

import "fmt"

// Check decodes what a node proposes as Apply would decode it, and applies nothing: what has
// passed is an error to no Apply that comes later. It returns how many verdicts there will be.
// Terms, contents and witnesses are refused, since only a leader writes them. Unless the
// proposal is of a run of maintenance, holds, what needs one and levels are refused too.
//
// An entry may name the meters that are registered in this store, which must have applied
// all that the proposing node had.
func (s *Store) Check(payload []byte, run bool) (entries int, err error) {
	s.mu.RLock()
	known := Store{state: state{accounts: s.accounts}} // only ever added to
	s.mu.RUnlock()
	c := checker{decoder{rest: payload, s: &known}, run}
	for len(c.rest) > 0 {
		verdicts := c.entry()
		if c.err != nil {
			return 0, fmt.Errorf("decoding entry %d: %w", entries, c.err)
		}
		entries += verdicts
	}
	return entries, nil
}

// checker reads entries as a batchReader does.
type checker struct {
	decoder

	run bool
}

// entry reads the next entry, and returns how many verdicts it will have.
func (c *checker) entry() (verdicts int) {
	k := kind(c.uint8())
	if !c.mayPropose(k) {
		c.fail(fmt.Errorf("an entry of kind %d cannot be proposed", k))
		return 0
	}
	restored := k == kindRestored
	if restored {
		k = kind(c.uint8())
	}
	switch {
	case k == kindReading:
		c.meter()
		c.point()
	case k == kindPack:
		return c.pack()
	case restored:
		c.restoredFact(k)
	case k == kindUnder:
		c.holdID()
		c.fact(kind(c.uint8()), true)
	default:
		c.fact(k, false)
	}
	return 1
}

func (c *checker) mayPropose(k kind) bool {
	switch k {
	case kindTerm, kindContents, kindWitness:
		return false
	case kindHold, kindFree, kindUnder, kindLevel:
		return c.run
	default:
		return true
	}
}

func (c *checker) pack() (readings int) {
	p, distances := c.decodePack()
	var buffer [togetherReadings]Reading
	for left := p.n; left > 0 && c.err == nil; {
		some := buffer[:min(left, togetherReadings)]
		err := p.decode(some, distances)
		if err == nil {
			err = c.s.known(some)
		}
		if err != nil {
			c.fail(err)
		}
		left -= len(some)
		distances = distances[len(some)*p.stride():]
	}
	return p.n
}
