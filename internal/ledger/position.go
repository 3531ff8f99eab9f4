package ledger

import (
	"context"
	"sync"
	"time"

	"meterledger/internal/chain"
	"meterledger/internal/meter"
)

// readMax is how long a read waits for the state that it asks for.
const readMax = time.Second

// errBehind is the answer to a read that wants more than this node has yet, and errUnsure to one that wants all.
var (
	errBehind = meter.Unavailable(meter.CodeNotReady, time.Second, "this node has not come as far as Ledger-After says: ask again")
	errUnsure = meter.Unavailable(meter.CodeNotReady, time.Second,
		"too few of the nodes answer to say that nothing is missing here: ask again, or for Read-Consistency: local").Because(meter.ReasonNoQuorum)
)

// IsShared reports whether other nodes add to the order too.
func (l *Ledger) IsShared() bool { return l.shared != nil }

// Position names the last batch of which an answer may tell, if the state was read before the call: one that is being
// applied counts, for a part of it can be seen. What was answered to a caller before the call stands at or before it.
func (l *Ledger) Position() (journal chain.ID, sequence uint64) {
	if l.shared != nil {
		return l.shared.id, l.shared.reached.Load()
	}
	end := l.committer.position()
	return end.Journal, end.Sequence
}

// Applied returns once the whole batch of a sequence is applied here, and all before it. It is not_ready if that takes
// more than a second, or if a node alone has no such batch.
func (l *Ledger) Applied(ctx context.Context, sequence uint64) error {
	if _, at := l.Position(); l.shared == nil && at < sequence {
		return errBehind
	} else if l.shared == nil {
		return nil
	}
	bounded, done := context.WithTimeout(ctx, readMax)
	defer done()
	return within(ctx, l.shared.tail.applied.wait(bounded, sequence), errBehind)
}

// Latest is Confirm for a read: it is not_ready after a second.
func (l *Ledger) Latest(ctx context.Context) error {
	bounded, done := context.WithTimeout(ctx, readMax)
	defer done()
	return within(ctx, l.Confirm(bounded), errUnsure)
}

// within returns instead of an error of what had less time than ctx, unless ctx is done too.
func within(ctx context.Context, err, instead error) error {
	if err != nil && ctx.Err() == nil {
		return instead
	}
	return err
}

// Staleness returns the least time of which this node knows that everything which any node had answered so long before
// the call is applied here: centuries before it has first asked the engine. A node alone has everything.
func (l *Ledger) Staleness() time.Duration {
	if l.shared == nil {
		return 0
	}
	return time.Since(l.shared.sighted.had(l.shared.tail.applied.load()))
}

// sightingsMax is how many are kept: enough for a minute, in steps of sightingEvery.
const (
	sightingsMax  = 60
	sightingEvery = time.Second
)

// sighting is where the order ended at the engine, at some time after it was asked for.
type sighting struct {
	head  uint64
	asked time.Time
}

// sightings are what tells how old the state of this node is.
type sightings struct {
	mu    sync.Mutex // guards all below
	whole time.Time  // everything that was answered before is applied; zero while that is not known
	ahead []sighting // of what was not applied yet; any of them may be left out, which makes the state look older
}

// add adds a sighting.
func (s *sightings) add(head uint64, asked time.Time, applied uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(applied)
	next := sighting{head, asked}
	switch n := len(s.ahead); {
	case head <= applied:
		s.whole = later(s.whole, asked)
	case n > 1 && (n == sightingsMax || asked.Sub(s.ahead[n-2].asked) < sightingEvery):
		s.ahead[n-1] = next
	default:
		s.ahead = append(s.ahead, next)
	}
}

// had returns the time before which all that was answered by any node is applied here.
func (s *sightings) had(applied uint64) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(applied)
	return s.whole
}

// settle takes out what is applied.
func (s *sightings) settle(applied uint64) {
	left := s.ahead[:0]
	for _, sighting := range s.ahead {
		if sighting.head <= applied {
			s.whole = later(s.whole, sighting.asked)
		} else {
			left = append(left, sighting)
		}
	}
	s.ahead = left
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
