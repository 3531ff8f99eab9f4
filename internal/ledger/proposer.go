package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"syscall"
	"time"

	"meterledger/internal/cluster"
	"meterledger/internal/mutant"
	"meterledger/internal/store"
)

const (
	// underWayMax is how many proposals of this node are under way at once: while some are,
	// others gather.
	underWayMax = 4
	// proposeAgain is how long a node waits before it proposes the same again.
	proposeAgain = 20 * time.Millisecond
	// proposeMax is how long a leader may take to queue a proposal.
	proposeMax = time.Second
)

// proposal is what was gathered once, until it is met in the order.
type proposal struct {
	cluster.Proposal
	commits []*commit
	isRun   bool      // of a run of maintenance, which is over with its term
	since   time.Time // when it was made
}

// proposer brings what this node's callers want written into the order. What becomes of it is seen in
// the order alone: a proposal that was not met there before the entry of the next term never
// will be, and is proposed again.
type proposer struct {
	self    cluster.Node
	peers   cluster.Peers
	local   *leader // of this node
	applied *mark
	answer  func(*commit)
	log     *slog.Logger
	nudge   func() // has this node look who leads

	oldest moment // when what is pending longest was made; never if nothing is

	mu      sync.Mutex // guards all below
	number  uint64     // of the last proposal
	pending []*proposal
	term    store.Term     // whose entry was met last
	queued  uint64         // number of the last proposal that the leader of term has queued
	leads   cluster.Leader // as the engine said last
	gone    cluster.Leader // where nobody serves
	hurries bool           // the node stops: nothing waits for room among what is under way
	changed chan struct{}  // closed when something above changes
}

// add takes over what was gathered, and waits while enough is under way. Runs of maintenance go
// on only where their term is led, so that no other leader is ever asked to take what they write.
func (p *proposer) add(ctx context.Context, g *gathered) error {
	p.mu.Lock()
	isRun := g.commits[0].isRun
	if isRun && p.term.Incarnation != p.self.Incarnation {
		p.mu.Unlock()
		p.answerAll(g.commits, errTermOver)
		g.reset()
		return nil
	}
	p.number++
	made := &proposal{
		Proposal: cluster.Proposal{Incarnation: p.self.Incarnation, Number: p.number, Entries: g.entries, Payload: slices.Clone(g.payload)},
		commits:  slices.Clone(g.commits),
		isRun:    isRun,
		since:    time.Now(),
	}
	p.pending = append(p.pending, made)
	p.tellLocked()
	p.mu.Unlock()
	g.reset()
	return p.until(ctx, func() bool { return len(p.pending) < underWayMax || p.hurries })
}

// hurry makes add wait no more: a leader that cannot be reached does not keep a node from stopping.
func (p *proposer) hurry() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hurries = true
	p.tellLocked()
}

// tellLocked wakes those who wait for a change.
func (p *proposer) tellLocked() {
	if len(p.pending) == 0 {
		p.oldest.clear()
	} else {
		p.oldest.set(p.pending[0].since)
	}
	close(p.changed)
	p.changed = make(chan struct{})
}

// until waits until something is so; is is called with the lock.
func (p *proposer) until(ctx context.Context, is func() bool) error {
	for {
		p.mu.Lock()
		done, changed := is(), p.changed
		p.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// waiting returns how many were not met yet.
func (p *proposer) waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.pending)
}

// drained waits until everything was met.
func (p *proposer) drained(ctx context.Context) error {
	return p.until(ctx, func() bool { return len(p.pending) == 0 })
}

// saw notes who leads.
func (p *proposer) saw(l cluster.Leader) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l != p.leads {
		p.leads = l
		if mutant.MissingBelieved && l.Term > p.term.Number {
			p.restartLocked(store.Term{Number: l.Term, Incarnation: l.Incarnation})
		}
		p.tellLocked()
	}
}

// leader returns who leads, as the engine said last.
func (p *proposer) leader() cluster.Leader {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.leads
}

// proposeAll proposes what is pending, in its order, each until it is queued.
func (p *proposer) proposeAll(ctx context.Context) {
	for ctx.Err() == nil {
		var next cluster.Proposal
		err := p.until(ctx, func() (ready bool) {
			next, ready = p.nextLocked()
			return ready
		})
		if err != nil {
			return
		}
		switch err := p.propose(ctx, next); {
		case err == nil:
			p.wasQueued(next)
		case errors.Is(err, cluster.ErrRefused):
			p.wasRefused(next, err)
		default:
			p.heard(next.To, err)
			pause(ctx, proposeAgain)
		}
	}
}

// nextLocked returns the next proposal for the leader of the term whose entry was met last.
func (p *proposer) nextLocked() (next cluster.Proposal, ready bool) {
	if p.leads.Term == 0 || p.leads.Term != p.term.Number || p.leads.Incarnation != p.term.Incarnation {
		return next, false
	}
	for _, made := range p.pending {
		if made.Number > p.queued {
			next = made.Proposal
			next.To, next.Applied = p.leads, p.applied.load()
			return next, true
		}
	}
	return next, false
}

func (p *proposer) propose(ctx context.Context, next cluster.Proposal) error {
	if next.To.Incarnation == p.self.Incarnation {
		return p.local.propose(ctx, next)
	}
	ctx, done := context.WithTimeout(ctx, proposeMax)
	defer done()
	return p.peers.Propose(ctx, next)
}

// heard notes that nobody serves where a leader was: its process has ended. One that does not answer
// may be slow, and the lease tells.
func (p *proposer) heard(from cluster.Leader, err error) {
	if !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.ECONNRESET) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = from
	p.nudge()
}

func (p *proposer) isGone(l cluster.Leader) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return l == p.gone
}

func (p *proposer) wasQueued(q cluster.Proposal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.term.Number == q.To.Term && p.term.Incarnation == q.To.Incarnation {
		p.queued = max(p.queued, q.Number)
	}
}

// began is called when the entry of a term is met: what is pending goes to its leader, but runs
// of maintenance are over.
func (p *proposer) began(t store.Term) {
	p.mu.Lock()
	var over []*commit
	p.pending = slices.DeleteFunc(p.pending, func(made *proposal) bool {
		if made.isRun && !mutant.RunSentAgain {
			over = append(over, made.commits...)
		}
		return made.isRun && !mutant.RunSentAgain
	})
	p.restartLocked(t)
	p.tellLocked()
	p.mu.Unlock()
	p.answerAll(over, errTermOver)
}

// restartLocked numbers what is pending anew, for the leader of a term.
func (p *proposer) restartLocked(t store.Term) {
	p.term, p.queued, p.number = t, 0, 0
	for _, made := range p.pending {
		p.number++
		made.Number = p.number
	}
}

// wasRefused takes back what the leader refuses as nothing that it knows, so that it is not in the way of
// what comes behind it, which takes its number.
func (p *proposer) wasRefused(q cluster.Proposal, why error) {
	p.mu.Lock()
	at := slices.IndexFunc(p.pending, func(made *proposal) bool { return made.Number == q.Number })
	if at < 0 || p.term.Number != q.To.Term || p.term.Incarnation != q.To.Incarnation {
		p.mu.Unlock()
		return // the next leader may know it
	}
	refused := p.pending[at]
	p.pending = slices.Delete(p.pending, at, at+1)
	for _, later := range p.pending[at:] {
		later.Number--
	}
	p.number--
	p.tellLocked()
	p.mu.Unlock()
	p.log.Error("the node that leads refuses what this node proposes", "leader", q.To.Name, "error", why)
	p.answerAll(refused.commits, errUnknownEntry)
}

// answerAll answers commits that will not be in the order.
func (p *proposer) answerAll(commits []*commit, err error) {
	for _, k := range commits {
		k.err = err
		p.answer(k)
	}
}

// met returns the commits of the proposals that a batch contains, each at its place there.
func (p *proposer) met(origins []store.Origin) (own []*commit, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := 1 // behind the entry of origins itself
	for _, o := range origins {
		if o.Incarnation == p.self.Incarnation {
			if len(p.pending) == 0 || p.pending[0].Number != o.Number || p.pending[0].Entries != int(o.Entries) {
				return nil, fmt.Errorf("BUG: proposal %d of this node comes with %d entries where it was not expected", o.Number, o.Entries)
			}
			for _, k := range p.pending[0].commits {
				k.at += at
				own = append(own, k)
			}
			p.pending = p.pending[1:]
		}
		at += int(o.Entries)
	}
	if len(own) > 0 {
		p.tellLocked()
	}
	return own, nil
}
