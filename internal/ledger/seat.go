package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
)

// nudge makes this node look at once.
func (s *shared) nudge() {
	select {
	case s.nudged <- struct{}{}:
	default:
	}
}

// watch looks when the engine says that who leads has changed.
func (s *shared) watch() {
	for s.ctx.Err() == nil {
		_ = s.engine.Watch(s.ctx, func(cluster.Leader) { s.nudge() })
		pause(s.ctx, tailAgain)
	}
}

// look asks the engine what it holds. An engine that has lost what this node has copied is
// halted: whoever led from there would make another order of it.
func (s *shared) look(ctx context.Context) (cluster.View, error) {
	copied, asked := s.tail.copied.load(), time.Now()
	v, err := s.engine.View(ctx)
	var left *cluster.LeftError
	if errors.As(err, &left) {
		s.failWith(err)
	}
	if err != nil {
		return v, err
	}
	if v.Head.Journal != s.id {
		s.failWith(fmt.Errorf("%w: %x", errStranger, v.Head.Journal[:4]))
		return v, errStranger
	}
	if v.Head.Sequence < copied {
		if again, err := s.engine.View(ctx); err == nil && again.Head.Sequence < copied && again.Halted < copied {
			s.log.Error("the engine has lost batches that this node has copied: it was brought back from an older copy, and nothing is taken until it is healed",
				"copied", copied, "engine", again.Head.Sequence)
			_ = s.engine.Halt(ctx, copied) // else the next look does
		}
	}
	s.mine.saw(v.Leader)
	s.lookout.saw(v, asked)
	s.sighted.add(max(v.Head.Sequence, v.Halted), asked, s.tail.applied.load())
	return v, nil
}

// lookAll looks now and then, and tells the tail to begin anew if it has brought nothing though there was more.
func (s *shared) lookAll() {
	var behind uint64   // where the tail stood when there was more
	var since time.Time // it stands there
	for s.ctx.Err() == nil {
		known := s.tail.known.load()
		v, err := s.lookOnce()
		if err == nil {
			s.offer(v)
		} else {
			s.lookout.missed(err)
		}
		switch now := time.Now(); {
		case err != nil:
		case v.Head.Sequence <= known || known != behind:
			behind, since = known, now
		case now.Sub(since) >= lookEvery: // looks may follow each other faster than a tail brings something
			since = now
			select {
			case s.again <- struct{}{}:
			default:
			}
		}
		select {
		case <-time.After(lookEvery):
		case <-s.nudged:
		case <-s.ctx.Done():
		}
	}
}

// lookOnce is look for an engine that may hang.
func (s *shared) lookOnce() (cluster.View, error) {
	ctx, done := context.WithTimeout(s.ctx, viewTry)
	defer done()
	return s.look(ctx)
}

// offer leaves the newest view to leadAll.
func (s *shared) offer(v cluster.View) {
	select {
	case <-s.views:
	default:
	}
	s.views <- v
}

// leadAll leads whenever nobody else does.
func (s *shared) leadAll() {
	for {
		select {
		case v := <-s.views:
			s.mayLead(v)
		case <-s.ctx.Done():
			return
		}
	}
}

// mayLead leads if nobody does, or if nobody serves where the leader was, and this node has all
// there is.
func (s *shared) mayLead(v cluster.View) {
	leads := v.Leader.Incarnation == s.self.Incarnation // or led: the view may be of a term that is over
	if !leads && !(s.isVacant(v) && s.hasAll(v.Head)) {
		return
	}
	if leads && v.Leader.Term == s.term.led { // proposals are numbered anew in each term
		s.term.resign(s.ctx)
		return
	}
	var err error
	if !leads {
		v, err = s.engine.Lead(s.ctx, s.self, v.Leader.Term)
	}
	if leads || err != nil { // it may have come through
		v, err = s.engine.View(s.ctx)
	}
	if err == nil && v.Leader.Incarnation == s.self.Incarnation && v.Leader.Term != s.term.led {
		s.mine.saw(v.Leader)
		s.hasLed(s.term.lead(s.ctx, v))
	}
}

// hasLed looks at how a term of this node has ended. If the engine refuses what it should take, an operator has to mend
// it. If another node has taken the term, this one must not take it back at once.
func (s *shared) hasLed(why error) {
	if errors.Is(why, cluster.ErrRefused) {
		pause(s.ctx, refusedAgain)
		return
	}
	ctx, done := context.WithTimeout(s.ctx, lookEvery)
	defer done()
	if v, err := s.look(ctx); err == nil && v.Leader.Term != 0 && v.Leader.Incarnation != s.self.Incarnation {
		s.takeover.count(time.Now())
	}
}

func (s *shared) isVacant(v cluster.View) bool {
	if v.Halted > 0 || s.isUnfit() {
		return false
	}
	isGone := s.mine.isGone(v.Leader) || v.Leader.Name == s.self.Name // the process before this one
	return (v.Leader.Term == 0 || isGone && s.takeover.may(time.Now())) && s.hasBegun(v)
}

// hasBegun reports whether something may be added to the order. Behind an engine that was lost or brought back, as many
// nodes must be there as keep each batch, so that one that has more than the first can tell.
func (s *shared) hasBegun(v cluster.View) bool {
	if s.anew == nil || *s.anew != v.Head {
		return true
	}
	nodes, err := s.engine.Nodes(s.ctx)
	return err == nil && len(nodes) >= s.copies
}

// hasAll waits a moment for what another leader has added last, and reports whether this node has all
// of it.
func (s *shared) hasAll(head chain.Position) bool {
	ctx, done := context.WithTimeout(s.ctx, lookEvery)
	defer done()
	if s.tail.known.wait(ctx, head.Sequence) != nil {
		return false
	}
	at, err := s.tail.position(ctx)
	if err == nil && at.Sequence == head.Sequence && at.Hash != head.Hash {
		s.failWith(&forkError{head.Sequence, errors.New("its hash is another one")})
	}
	return err == nil && at == head
}
