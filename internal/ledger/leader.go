package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	// behindMax is how long a leader waits until it has applied what the node had that proposes.
	behindMax = proposeMax / 2
	// renewEvery is how often a leader renews its lease, and stuckMax how long it may have been at one
	// step: one that hangs lets another node lead.
	renewEvery = cluster.LeaseTime / 3
	stuckMax   = 2 * time.Second
	// appendAgain is how long a leader waits before it asks again what became of a batch.
	appendAgain = 50 * time.Millisecond
	// askMax is how long a node that begins to lead waits for what others have.
	askMax = 300 * time.Millisecond
	// appendTry is how long a leader waits for the answer to an append before it asks what became of the batch, and
	// appendTryMax how long at the most, as each time is longer than the one before: an etcd answers after seven seconds
	// what was under way when its own leader died, and one with a slow disk must not be sent the same more and more often.
	appendTry    = 500 * time.Millisecond
	appendTryMax = 4 * time.Second
	// gatherTime is from the beginning of one batch to the next while many wait for them: a batch costs nodes and engine
	// some milliseconds of work, whatever is in it. manyEntries in a batch say so; gatheredBytes are enough for one at once.
	gatherTime    = 5 * time.Millisecond
	manyEntries   = 32
	gatheredBytes = 64 << 10
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
	peers   cluster.Peers
	roster  *roster
	now     func() time.Time
	isFull  func() bool   // too few nodes have room on their disks
	trim    func() []byte // an entry that lets what is kept of refused readings go, if it is too much

	since    moment      // when the present step began; never while there is nothing to do
	attested time.Time   // when a witness was written last; touched while leading alone
	stamped  time.Time   // by the clock, when that was written last; likewise
	hangs    func() bool // what is applied does not come on
	isUnfit  func() bool // this node must not lead
	led      uint64      // the last term; touched while leading alone

	mu     sync.Mutex     // guards all below
	term   cluster.Leader // in which proposals are taken; the zero value while none are
	over   chan struct{}  // closed when that term ends
	table  map[uint64]uint64
	queue  []cluster.Proposal
	bytes  int           // of payloads in queue
	ripe   time.Time     // from when on the next batch may begin
	filled chan struct{} // holds a token if something was queued
}

// lead leads in a term until it is over, and says why it is. The view is of the moment when it began, or later.
func (l *leader) lead(ctx context.Context, v cluster.View) error {
	ctx, over := context.WithCancelCause(ctx)
	defer over(cluster.ErrOver)
	l.since.set(time.Now())
	var renewing sync.WaitGroup
	renewing.Go(func() { l.renew(ctx, v.Leader.Term, over) })
	l.log.Info("this node leads", "term", v.Leader.Term, "from_batch", v.Head.Sequence)
	err := l.leadOn(ctx, v)
	l.close()
	over(cluster.ErrOver)
	renewing.Wait()
	why := err
	if errors.Is(err, context.Canceled) {
		why = errors.New("it stops")
	}
	l.log.Info("this node leads no more", "term", v.Leader.Term, "why", why)
	l.led = v.Leader.Term
	l.resign(ctx)
	return err
}

// resign ends the last term, unless its lease ends by itself before.
func (l *leader) resign(ctx context.Context) {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer done()
	_ = l.engine.Resign(ctx, l.led)
}

// leadOn takes proposals once the order is judged by rules that decide alike whoever proposes: below LevelHolds what is held
// back or shut out is for the node that proposes to see. Every program that knows terms knows that level.
func (l *leader) leadOn(ctx context.Context, v cluster.View) error {
	if err := l.applied.wait(ctx, v.Head.Sequence); err != nil {
		return err
	}
	if err := l.nobodyIsAhead(ctx, v); err != nil {
		return err
	}
	payload := store.AppendTerm(nil, store.Term{Number: v.Leader.Term, Incarnation: l.self.Incarnation, Node: l.self.Name}, l.now())
	end, err := l.append(ctx, v.Leader.Term, v.Head, payload)
	if err != nil {
		return err
	}
	if l.store.Level() < store.LevelHolds {
		if end, err = l.append(ctx, v.Leader.Term, end, store.AppendLevel(nil, store.LevelHolds)); err != nil {
			return err
		}
	}
	if err := l.applied.wait(ctx, end.Sequence); err != nil {
		return err
	}
	l.open(v.Leader)
	for {
		payload, err := l.take(ctx)
		if err != nil {
			return err
		}
		for _, next := range append(l.own(), payload) {
			if end, err = l.append(ctx, v.Leader.Term, end, next); err != nil {
				return err
			}
			l.since.set(time.Now())
		}
	}
}

// own returns what the node that leads writes by itself, a batch each, at most every witnessEvery: a witness; once all
// nodes know the newest rules, that they judge all further entries; now and then the time, which no other
// node writes, for one with a wrong clock would stop all others; and that refused readings which are
// kept beyond a limit go.
func (l *leader) own() (payloads [][]byte) {
	now := time.Now()
	if now.Sub(l.attested) < witnessEvery {
		return nil
	}
	l.attested = now
	number, digest := l.store.Witness()
	payloads = append(payloads, store.AppendWitness(nil, number, digest))
	if l.store.Level() < store.LevelNewest && l.roster.allKnow(store.LevelNewest) {
		payloads = append(payloads, store.AppendLevel(nil, store.LevelNewest))
	}
	if clock := l.now(); clock.Sub(l.stamped).Abs() >= stampEvery {
		l.stamped = clock
		payloads = append(payloads, store.AppendWriting(nil, clock, false))
	}
	if trim := l.trim(); trim != nil {
		payloads = append(payloads, trim)
	}
	return payloads
}

// nobodyIsAhead makes sure that no node has a batch behind the head: the engine would have lost it. What the engine says of the nodes it may
// have lost too, so those that were heard of before are asked as well. The head is asked for after
// the nodes, since the view may be an old one, of a term that is over and behind which others have gone on.
func (l *leader) nobodyIsAhead(ctx context.Context, began cluster.View) error {
	asked := time.Now()
	nodes, err := l.engine.Nodes(ctx)
	if err != nil {
		return err
	}
	l.roster.hear(nodes, asked)
	copied := l.askPeers(ctx, began.Head.Sequence)
	v, err := l.engine.View(ctx)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		copied = max(copied, n.Copied)
	}
	if copied > v.Head.Sequence {
		_ = l.engine.Halt(ctx, copied)
		return fmt.Errorf("another node has batch %d, and the engine ends with batch %d", copied, v.Head.Sequence)
	}
	if v.Leader != began.Leader || v.Head != began.Head {
		return cluster.ErrOver
	}
	return nil
}

// askPeers asks all other nodes for the batch behind one, and returns its sequence if one has it, else 0. One that does not answer
// is not waited for long: it is why this node leads, most likely.
func (l *leader) askPeers(ctx context.Context, after uint64) (copied uint64) {
	ctx, done := context.WithTimeout(ctx, askMax)
	defer done()
	var asked sync.WaitGroup
	var isThere atomic.Bool
	for _, n := range l.roster.others() {
		asked.Go(func() {
			_ = l.peers.Batches(ctx, n, after, func([]byte) error {
				isThere.Store(true)
				return errThere
			})
		})
	}
	asked.Wait()
	if isThere.Load() {
		return after + 1
	}
	return 0
}

// append adds a batch. An error other than that of ctx says that the term is over; whether the
// batch was added, the tail tells. While that is not known the engine is asked where the order ends, which it answers
// as soon as it can; if it is not with the batch, the same is added again.
func (l *leader) append(ctx context.Context, term uint64, after chain.Position, payload []byte) (end chain.Position, err error) {
	batch := chain.Encode(nil, after, payload)
	end = after.After(batch)
	for try := appendTry; ; try = min(try+try/2, appendTryMax) {
		once, done := context.WithTimeout(ctx, try)
		added, v, err := l.engine.Append(once, term, after, batch)
		done()
		isUnknown := err != nil && !errors.Is(err, cluster.ErrOver) && !errors.Is(err, cluster.ErrRefused)
		if isUnknown {
			v, err = l.viewAtLast(ctx)
		}
		switch {
		case err == nil && (added || v.Leader.Term == term && v.Head == end && !mutant.OursOverlooked): // by this try or by an earlier one
			return end, l.receive(ctx, batch)
		case err == nil && (v.Leader.Term != term || v.Halted > 0), errors.Is(err, cluster.ErrOver):
			return after, cluster.ErrOver
		case err == nil && isUnknown && v.Head == after:
		case err == nil:
			l.fail(fmt.Errorf("the order ends with batch %d in the term of this node, which has added batch %d: the engine was brought back from an older copy", v.Head.Sequence, after.Sequence))
			return after, cluster.ErrOver
		case errors.Is(err, cluster.ErrRefused):
			l.log.Error("the engine takes no batch", "error", err)
			return after, err
		default:
			return after, err
		}
	}
}

// viewAtLast asks the engine until it answers. An error is that of ctx.
func (l *leader) viewAtLast(ctx context.Context) (cluster.View, error) {
	for {
		if pause(ctx, appendAgain); ctx.Err() != nil {
			return cluster.View{}, context.Cause(ctx)
		}
		once, done := context.WithTimeout(ctx, viewTry)
		v, err := l.engine.View(once)
		if done(); err == nil {
			return v, nil
		}
	}
}

// errUnfit and errHangs end a term.
var (
	errUnfit = errors.New("other nodes have come to other verdicts, most have another time than this one, or they have room on their disks and this one has none")
	errHangs = errors.New("this node hangs, and its lease has ended")
)

// renew keeps the lease, unless the node hangs. Once that has lasted longer than the lease the term is over here too: what waits
// for room on the disk may wait for hours.
func (l *leader) renew(ctx context.Context, term uint64, over context.CancelCauseFunc) {
	renewed := time.Now() // or a little before
	for hung := false; ; {
		pause(ctx, renewEvery)
		if ctx.Err() != nil {
			return
		}
		if l.since.ago() > stuckMax || l.hangs() {
			if !hung {
				l.log.Warn("this node does not renew its lease, so that another one may lead: what it adds has not come through for long, since the etcd, or this node, hangs", "term", term)
			}
			if hung = true; time.Since(renewed) > cluster.LeaseTime {
				over(errHangs)
				return
			}
			continue
		}
		if l.isUnfit() {
			over(errUnfit)
			return
		}
		asked := time.Now()
		once, done := context.WithTimeout(ctx, renewEvery)
		err := l.engine.Renew(once, term)
		done()
		if errors.Is(err, cluster.ErrOver) {
			over(err)
			return
		}
		if err == nil {
			hung, renewed = false, asked
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
	l.since.clear()
}

// leads returns the term in which this node leads, which ends with over.
func (l *leader) leads() (term cluster.Leader, over <-chan struct{}, leads bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.term, l.over, l.term.Term != 0
}
