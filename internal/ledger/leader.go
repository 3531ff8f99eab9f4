package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
	"meterledger/internal/mutant"
	"meterledger/internal/store"
)

const (
	// queuedMax is how many bytes of proposals wait at a leader.
	queuedMax = 16 << 20
	// renewEvery is how often a leader renews its lease, and stuckMax how long it may have been at one
	// step: one that hangs lets another node lead.
	renewEvery = cluster.LeaseTime / 3
	stuckMax   = 2 * time.Second
	// appendAgain is how long a leader waits before it asks again what became of a batch, and
	// appendAgainMax how long at the most.
	appendAgain    = 50 * time.Millisecond
	appendAgainMax = 500 * time.Millisecond
	// appendTry is how long a leader waits for the answer to an append before it asks again, and appendTryMax how long
	// at the most, as each time is longer than the one before: an etcd answers after seven seconds what was
	// under way when its own leader died, and one with a slow disk must not be asked more and more often.
	appendTry    = 500 * time.Millisecond
	appendTryMax = 4 * time.Second
	// witnessEvery is how often the verdicts of all nodes are compared, while there are any.
	witnessEvery = time.Second
)

// leader joins the proposals of all nodes into batches while this node leads.
type leader struct {
	engine  cluster.Engine
	self    cluster.Node
	store   *store.Store
	applied *mark
	log     *slog.Logger
	receive func(context.Context, []byte) error
	fail    func(error)

	since    atomic.Int64 // when the present step began, in ns; 0 while there is nothing to do
	attested time.Time    // when a witness was written last; touched while leading alone
	hangs    func() bool  // this node must not go on leading
	led      uint64       // the last term; touched while leading alone

	mu     sync.Mutex     // guards all below
	term   cluster.Leader // in which proposals are taken; the zero value while none are
	over   chan struct{}  // closed when that term ends
	table  map[uint64]uint64
	queue  []cluster.Proposal
	bytes  int           // of payloads in queue
	filled chan struct{} // holds a token if something was queued
}

// propose queues a proposal, as cluster.Peers has it.
func (l *leader) propose(p cluster.Proposal) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.term.Term == 0 || (p.To.Term != l.term.Term || p.To.Incarnation != l.term.Incarnation) && !mutant.OtherTermTaken {
		return cluster.ErrMoved
	}
	last := l.table[p.Incarnation]
	switch {
	case p.Number <= last:
		return nil // it came before
	case p.Number > last+1:
		return fmt.Errorf("%w: proposal %d comes behind proposal %d", cluster.ErrMoved, p.Number, last)
	case l.bytes+len(p.Payload) > queuedMax || l.applied.load() < p.Applied:
		return cluster.ErrFull
	}
	if err := l.check(p); err != nil {
		return fmt.Errorf("%w: %v", cluster.ErrRefused, err)
	}
	l.table[p.Incarnation] = p.Number
	l.queue, l.bytes = append(l.queue, p), l.bytes+len(p.Payload)
	select {
	case l.filled <- struct{}{}:
	default:
	}
	return nil
}

// check makes sure that every node can apply a proposal.
func (l *leader) check(p cluster.Proposal) error {
	if len(p.Payload) > commitBytesMax {
		return fmt.Errorf("a proposal of %d bytes", len(p.Payload))
	}
	entries, err := l.store.Check(p.Payload, p.Incarnation == l.self.Incarnation)
	if err == nil && entries != p.Entries {
		err = fmt.Errorf("a proposal of %d entries says that it has %d", entries, p.Entries)
	}
	return err
}

// take returns the payload of the next batch, once something was proposed.
func (l *leader) take(ctx context.Context) ([]byte, error) {
	for {
		if payload := l.join(); payload != nil {
			return payload, nil
		}
		l.since.Store(0)
		select {
		case <-l.filled:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		l.since.Store(time.Now().UnixNano())
	}
}

// join takes proposals from the queue, as many as go into one batch; nil if there are none.
func (l *leader) join() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	var origins []store.Origin
	bytes := 0
	for _, p := range l.queue {
		if bytes > 0 && bytes+len(p.Payload) > cluster.BatchBytesMax {
			break
		}
		bytes += len(p.Payload)
		origins = append(origins, store.Origin{Incarnation: p.Incarnation, Number: p.Number, Entries: uint32(p.Entries)})
	}
	if len(origins) == 0 {
		return nil
	}
	payload := store.AppendContents(nil, origins)
	for _, p := range l.queue[:len(origins)] {
		payload = append(payload, p.Payload...)
	}
	l.queue, l.bytes = l.queue[len(origins):], l.bytes-bytes
	return payload
}

// lead leads in a term until it is over. The view is of the moment when it began, or later.
func (l *leader) lead(ctx context.Context, v cluster.View, now time.Time) {
	ctx, over := context.WithCancelCause(ctx)
	defer over(cluster.ErrOver)
	l.since.Store(time.Now().UnixNano())
	var renewing sync.WaitGroup
	renewing.Go(func() { l.renew(ctx, v.Leader.Term, over) })
	l.log.Info("this node leads", "term", v.Leader.Term, "from_batch", v.Head.Sequence)
	err := l.leadOn(ctx, v, now)
	l.close()
	over(cluster.ErrOver)
	renewing.Wait()
	l.log.Info("this node leads no more", "term", v.Leader.Term, "why", err)
	l.led = v.Leader.Term
	l.resign(ctx)
}

// resign ends the last term, unless its lease ends by itself before.
func (l *leader) resign(ctx context.Context) {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer done()
	_ = l.engine.Resign(ctx, l.led)
}

func (l *leader) leadOn(ctx context.Context, v cluster.View, now time.Time) error {
	if err := l.applied.wait(ctx, v.Head.Sequence); err != nil {
		return err
	}
	if err := l.nobodyIsAhead(ctx, v); err != nil {
		return err
	}
	payload := store.AppendTerm(nil, store.Term{Number: v.Leader.Term, Incarnation: l.self.Incarnation, Node: l.self.Name}, now)
	end, err := l.append(ctx, v.Leader.Term, v.Head, payload)
	if err != nil {
		return err
	}
	if err := l.applied.wait(ctx, end.Sequence); err != nil {
		return err
	}
	if payload := l.raise(ctx); payload != nil {
		if end, err = l.append(ctx, v.Leader.Term, end, payload); err != nil {
			return err
		}
	}
	l.open(v.Leader)
	for {
		payload, err := l.take(ctx)
		if err != nil {
			return err
		}
		if witness := l.attest(); witness != nil {
			if end, err = l.append(ctx, v.Leader.Term, end, witness); err != nil {
				return err
			}
		}
		if end, err = l.append(ctx, v.Leader.Term, end, payload); err != nil {
			return err
		}
		l.since.Store(time.Now().UnixNano())
	}
}

// raise returns an entry that makes the newest rules judge all further entries, if all nodes
// know them and they do not do so yet.
func (l *leader) raise(ctx context.Context) []byte {
	if l.store.Level() == store.LevelNewest {
		return nil
	}
	nodes, err := l.engine.Nodes(ctx)
	older := func(n cluster.Seen) bool { return n.Level < uint8(store.LevelNewest) }
	if err != nil || slices.ContainsFunc(nodes, older) {
		return nil
	}
	return store.AppendLevel(nil, store.LevelNewest)
}

// attest returns a witness now and then, and else nil.
func (l *leader) attest() []byte {
	now := time.Now()
	if now.Sub(l.attested) < witnessEvery {
		return nil
	}
	l.attested = now
	number, digest := l.store.Witness()
	return store.AppendWitness(nil, number, digest)
}

// nobodyIsAhead makes sure that no node has a batch behind the head: the engine would have lost it. The
// head is asked for after the nodes, since the view may be an old one, of a term that is over and behind which
// others have gone on.
func (l *leader) nobodyIsAhead(ctx context.Context, began cluster.View) error {
	nodes, err := l.engine.Nodes(ctx)
	if err != nil {
		return err
	}
	v, err := l.engine.View(ctx)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		if n.Copied > v.Head.Sequence {
			_ = l.engine.Halt(ctx, n.Copied)
			return fmt.Errorf("node %s has batch %d, and the engine ends with batch %d", n.Name, n.Copied, v.Head.Sequence)
		}
	}
	if v.Leader != began.Leader || v.Head != began.Head {
		return cluster.ErrOver
	}
	return nil
}

// append adds a batch. An error other than that of ctx says that the term is over; whether the
// batch was added, the tail tells. While nothing is known the same is asked again.
func (l *leader) append(ctx context.Context, term uint64, after chain.Position, payload []byte) (end chain.Position, err error) {
	batch := chain.Encode(nil, after, payload)
	end = after.After(batch)
	try := appendTry
	for wait := appendAgain; ; wait = min(2*wait, appendAgainMax) {
		once, done := context.WithTimeout(ctx, try)
		added, v, err := l.engine.Append(once, term, after, batch)
		done()
		try = min(try+try/2, appendTryMax)
		switch {
		case err == nil && (added || v.Leader.Term == term && v.Head == end && !mutant.OursOverlooked): // by this try or by an earlier one
			return end, l.receive(ctx, batch)
		case err == nil && (v.Leader.Term != term || v.Halted > 0), errors.Is(err, cluster.ErrOver):
			return after, cluster.ErrOver
		case err == nil:
			l.fail(fmt.Errorf("the order ends with batch %d in the term of this node, which has added batch %d: the engine was brought back from an older copy", v.Head.Sequence, after.Sequence))
			return after, cluster.ErrOver
		case errors.Is(err, cluster.ErrRefused):
			l.log.Error("the engine takes no batch", "error", err)
			return after, err
		case ctx.Err() != nil:
			return after, context.Cause(ctx)
		}
		pause(ctx, wait)
	}
}

// renew keeps the lease, unless the node hangs.
func (l *leader) renew(ctx context.Context, term uint64, over context.CancelCauseFunc) {
	for hung := false; ; {
		pause(ctx, renewEvery)
		if ctx.Err() != nil {
			return
		}
		if since := l.since.Load(); since > 0 && time.Since(time.Unix(0, since)) > stuckMax || l.hangs() {
			if !hung {
				l.log.Warn("this node does not renew its lease: it hangs, or other nodes have come to other verdicts", "term", term)
			}
			hung = true
			continue
		}
		once, done := context.WithTimeout(ctx, renewEvery)
		err := l.engine.Renew(once, term)
		done()
		if errors.Is(err, cluster.ErrOver) {
			over(err)
			return
		}
	}
}

// open begins to take proposals.
func (l *leader) open(term cluster.Leader) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.term, l.over, l.table = term, make(chan struct{}), make(map[uint64]uint64)
}

// close ends that; what is queued is gone.
func (l *leader) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.term.Term != 0 {
		close(l.over)
	}
	l.term, l.queue, l.bytes = cluster.Leader{}, nil, 0
	l.since.Store(0)
}

// leads returns the term in which this node leads, which ends with over.
func (l *leader) leads() (term cluster.Leader, over <-chan struct{}, leads bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.term, l.over, l.term.Term != 0
}
