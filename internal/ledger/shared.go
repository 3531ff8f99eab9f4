package ledger

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
	"meterledger/internal/journal"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

const (
	// lookEvery is how often a node asks the engine for the end of the order and who leads.
	lookEvery = 500 * time.Millisecond
	// sayEvery is how often a node says how far it has come, and cutEvery how often a leader cuts
	// what enough nodes have, unless it is told.
	sayEvery = time.Second
	cutEvery = 10 * time.Second
	// stopMax is how long a node that stops waits for what is under way.
	stopMax = 5 * time.Second
	// lateMax is how long what this node proposes may be under way before nothing more is taken.
	lateMax = 2 * time.Second
	// confirmMax is how long a barrier may take, and viewTry how long the engine may take to say what it holds before
	// it is asked again: the member that was asked may hang.
	confirmMax = 2 * time.Second
	viewTry    = time.Second
)

// Shared says how a ledger takes part in the order of several nodes.
type Shared struct {
	Engine cluster.Engine
	Peers  cluster.Peers
	Self   cluster.Node
	// Cluster is the name of the order.
	Cluster string
	// Founding says what the node does if the engine holds no order. Package node does it.
	Founding Founding
	// Heal lets the node go on with an engine that was brought back from a copy, or with another one, and puts back
	// what that has lost. Package node does it.
	Heal bool
	// Serve begins to answer other nodes, before this one may lead, and returns what ends that. nil if they are
	// answered without it.
	Serve func(*Ledger) (stop func() error)
	// Copies is how many nodes must have a batch on their disks before the engine drops it; 0 is 2.
	Copies int
	// KeepMin is how many bytes of the newest batches stay in the engine, whoever has them; 0 is 64 MiB. KeepMax is how many are
	// kept in all for nodes that lie behind; 0 is 512 MiB. Of an engine that may take less, they are an eighth and a half
	// of that at the most.
	KeepMin, KeepMax int64
	// CutEvery is how often a leader drops from the engine what enough nodes have; 0 is every 10 s.
	CutEvery time.Duration
}

// Founding is what a node does if the engine holds no order.
type Founding string

const (
	FoundNever Founding = ""      // refuse to start
	FoundOnce  Founding = "once"  // found the order, unless this node has been part of one
	FoundAgain Founding = "again" // found it again, behind an engine that was lost: nothing is added before Copies nodes are there
)

// shared is the order of several nodes. An engine keeps it, one node at a time adds to it, and
// the journal of each is its copy.
type shared struct {
	engine  cluster.Engine
	self    cluster.Node
	journal *journal.Journal
	store   *store.Store
	id      chain.ID // of it
	log     *slog.Logger
	now     func() time.Time

	tail    follower // what comes
	mine    proposer // what this node wants to have in the order
	term    leader   // while this node leads
	barrier barrier
	lookout lookout // what it sees of the others

	reached atomic.Uint64 // sequence of the batch that next has handed out last: some or all of it is applied
	sighted sightings

	roster   roster
	copies   int
	anew     *chain.Position // where the order goes on behind an engine that was lost or brought back; nil if it was neither
	cutEvery time.Duration
	room     func() cluster.Room // on the disk

	keepMin, keepMax int64 // bytes; see Shared

	ctx        context.Context // until the node stops
	cancel     context.CancelFunc
	copying    context.Context // until nothing is copied any more
	endCopying context.CancelFunc
	group      sync.WaitGroup
	again      chan struct{} // gets a message when the tail has to begin anew
	nudged     chan struct{} // gets a message when who leads may have changed
	views      chan cluster.View
	settled    func()          // called when a batch was applied
	quit       <-chan struct{} // closed when the node is to stop; nil for never
	stopping   chan struct{}   // closed when nothing is sent any more
	stopped    chan struct{}   // closed when nothing is handed out any more

	current    arrival       // that next has handed out
	begun      moment        // when it was; never while none is
	takeover   takeover      // touched by leadAll alone
	disputed   atomic.Bool   // as many nodes diverge as agree
	full       atomic.Bool   // fewer nodes than there must be copies have room on their disks
	crowded    atomic.Bool   // the same, for readings and registrations
	roomless   atomic.Bool   // this one has none
	engineFull atomic.Bool   // the engine has little room left, or refuses what is added
	usage      cluster.Usage // of the engine, as it was seen last; touched by sayAll alone
	engineMax  atomic.Int64  // of usage
	crammed    chan struct{} // gets a message while the engine is full
	lost       chan struct{} // closed once err is set
	once       sync.Once
	ended      sync.Once
	err        error
}

var (
	errTermOver     = meter.Unavailable(meter.CodeNotReady, time.Second, "another node leads now: the run has no effect any more, and can be begun again")
	errLate         = meter.Unavailable(meter.CodeNotReady, 2*time.Second, "the nodes do not agree on what comes next, since too few of them answer: readings and registrations are taken again as soon as they do").Because(meter.ReasonNoQuorum)
	errUnknownEntry = meter.Unavailable(meter.CodeNotReady, 10*time.Second, "the node that leads knows no such entry: nothing was recorded; it is taken once all nodes run the same version")
	errUncopied     = errors.New("the disk has no room for a copy of the order")
	errStranger     = errors.New("the data folder is of another order than that of the engine")
)

func newShared(o *Shared, j *journal.Journal, s *store.Store, now func() time.Time, log *slog.Logger, answer func(*commit), hasRoom func(uint64) bool) *shared {
	sh := &shared{
		engine: o.Engine, self: o.Self, journal: j, store: s, id: j.End().Journal, log: log, now: now,
		copies: max(o.Copies, 2), cutEvery: cmp.Or(o.CutEvery, cutEvery), keepMin: cmp.Or(o.KeepMin, 64<<20), keepMax: cmp.Or(o.KeepMax, 512<<20),
		room:    func() cluster.Room { return cluster.RoomForAll },
		roster:  roster{self: o.Self.Name, now: now, ever: make(map[string]*colleague)},
		crammed: make(chan struct{}, 1), again: make(chan struct{}, 1), nudged: make(chan struct{}, 1), views: make(chan cluster.View, 1),
		stopping: make(chan struct{}), stopped: make(chan struct{}), lost: make(chan struct{}),
	}
	sh.ctx, sh.cancel = context.WithCancel(context.Background())
	sh.copying, sh.endCopying = context.WithCancel(context.Background())
	sh.tail = follower{engine: o.Engine, peers: o.Peers, self: o.Self, journal: j, log: log, fail: sh.failWith, hasRoom: hasRoom}
	sh.tail.begin(j.End())
	sh.tail.spans = newSpans(j.Last(), sh.keepMin, sh.keepMax)
	sh.reached.Store(j.End().Sequence)
	sh.mine = proposer{
		self: o.Self, peers: o.Peers, local: &sh.term, applied: &sh.tail.applied, answer: answer, log: log,
		changed: make(chan struct{}), term: s.Term(), nudge: sh.nudge,
	}
	sh.term = leader{
		engine: o.Engine, self: o.Self, store: s, applied: &sh.tail.applied, log: log, receive: sh.tail.receive, fail: sh.failWith,
		peers: o.Peers, roster: &sh.roster, now: now, isFull: sh.full.Load, trim: func() []byte { return nil },
		hangs: sh.isStuck, isUnfit: sh.isUnfit, filled: make(chan struct{}, 1),
	}
	sh.lookout = lookout{self: o.Self, log: log, roster: &sh.roster}
	sh.lookout.begin()
	sh.barrier = barrier{view: sh.look, applied: &sh.tail.applied}
	return sh
}

func (s *shared) start() {
	s.group.Go(func() { s.tail.tailAll(s.ctx, s.again) })
	s.group.Go(func() { s.mine.proposeAll(s.ctx) })
	s.group.Go(s.watch)
	s.group.Go(s.drain)
	s.group.Go(s.lookAll)
	s.group.Go(s.leadAll)
	s.group.Go(s.sayAll)
	s.group.Go(s.cutAll)
	s.group.Go(func() {
		defer s.endCopying()
		s.tail.copyAll(s.ctx)
	})
	s.group.Go(func() {
		select {
		case <-s.journal.Failed():
			s.failWith(s.journal.Failure())
		case <-s.ctx.Done():
		}
	})
}

func (s *shared) batchBytesMax() int { return cluster.BatchBytesMax }

func (s *shared) send(g *gathered) error {
	select {
	case <-s.failed():
		return s.failure()
	default:
		return s.mine.add(s.ctx, g)
	}
}

func (s *shared) next() (ordered, bool) {
	if !s.settle() {
		s.end()
		return ordered{}, false
	}
	select {
	case a := <-s.tail.arrived:
		b, err := s.place(a)
		if err != nil {
			s.failWith(err)
			s.end()
			return ordered{}, false
		}
		s.begun.set(time.Now())
		return b, true
	case <-s.stopped:
	case <-s.failed():
	}
	s.end()
	return ordered{}, false
}

// settle gives the batch that was applied to be copied, and waits while too many wait for that. It is false if nothing
// more may be handed out, though the batch could not be given: the next start copies it.
func (s *shared) settle() bool {
	if s.current.batch == nil {
		return true
	}
	s.settled()
	s.tail.applied.raise(s.current.end.Sequence)
	isGiven := s.give(s.current.batch)
	s.current = arrival{}
	s.begun.clear()
	return isGiven
}

func (s *shared) give(batch []byte) bool {
	select {
	case s.tail.copies <- batch:
		return true
	default:
	}
	select {
	case s.tail.copies <- batch:
		return true
	case <-s.stopped:
	case <-s.failed():
	}
	return false
}

// entriesUnknown stands for the entries of a batch that says nothing of them.
const entriesUnknown = -1

// place finds what this node has sent in a batch, and what the batch means for who leads.
func (s *shared) place(a arrival) (ordered, error) {
	s.current = a
	s.reached.Store(a.end.Sequence)
	g := &gathered{payload: a.payload, entries: entriesUnknown}
	if term, isTerm := store.ReadTerm(a.payload); isTerm {
		s.mine.began(term)
		s.nudge()
		return ordered{g, a.end}, nil
	}
	if origins, _, ok := store.ReadContents(a.payload); ok {
		own, err := s.mine.met(origins)
		if err != nil {
			return ordered{}, err
		}
		g.commits, g.entries = own, 1
		for _, o := range origins {
			g.entries += int(o.Entries)
		}
	}
	return ordered{g, a.end}, nil
}

func (s *shared) stop() { close(s.stopping) }

// drain lets what was sent before a stop become part of the order, as far as that goes in a
// moment. Nothing is handed out after that.
func (s *shared) drain() {
	select {
	case <-s.quit:
		s.mine.hurry()
	case <-s.stopping:
	case <-s.ctx.Done():
		return
	}
	select {
	case <-s.stopping:
	case <-s.ctx.Done():
		return
	}
	ctx, done := context.WithTimeout(s.ctx, stopMax)
	defer done()
	_ = s.mine.drained(ctx)
	close(s.stopped)
}

// end ends all that goes on.
func (s *shared) end() {
	s.ended.Do(func() {
		s.cancel()
		close(s.tail.copies)
		s.group.Wait()
	})
}

func (s *shared) confirm(ctx context.Context) (changed bool, err error) {
	return true, s.barrier.confirm(ctx)
}

// waitMax leaves time for the death of a leader and of the engine's.
func (s *shared) waitMax() time.Duration { return 10 * time.Second }

func (s *shared) kept(ctx context.Context, sequence uint64) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	defer context.AfterFunc(s.copying, func() { end(errUncopied) })()
	return s.tail.copied.wait(ctx, sequence)
}

func (s *shared) failed() <-chan struct{} { return s.lost }

func (s *shared) failure() error {
	select {
	case <-s.lost:
		return s.err
	default:
		return nil
	}
}

func (s *shared) failWith(err error) {
	s.once.Do(func() {
		s.err = err
		s.log.Error("this node cannot go on", "error", err)
		close(s.lost)
	})
}

// isLate is the gate of an order that does not come on: what waits longest has waited for long, or the engine
// does not answer.
func (s *shared) isLate() bool {
	return s.mine.oldest.ago() > lateMax || s.lookout.isUnconfirmed()
}

// isUnfit reports whether this node must not lead: as many nodes have come to other verdicts as to its own, most have
// another time, or enough of them have room on their disks and this one has none.
func (s *shared) isUnfit() bool {
	return s.disputed.Load() || s.roster.isAstray() || s.roomless.Load() && !s.full.Load()
}

// isStuck reports whether a batch is being applied for long, or waits for long to be copied.
func (s *shared) isStuck() bool { return s.begun.ago() > stuckMax }
