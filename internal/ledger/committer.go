package ledger

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"meterledger/internal/chain"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// commitBytesMax is the largest payload of a commit, whatever the order.
const commitBytesMax = 1 << 20

// commit is some entries that wait to be written together. Its caller uses it again by again.
type commit struct {
	payload  []byte
	entries  int
	isRun    bool             // of a run of maintenance: it has no effect in a later term
	deferred bool             // may be refused while the disk is nearly full
	isSpared bool             // is never refused because this disk is
	at       int              // the place of its first entry in the batch, once handed out
	verdicts store.Verdicts   // on the entries, once done
	err      error            // instead of verdicts
	done     chan struct{}    // gets one message
	late     <-chan time.Time // gets one once its caller waits no longer; nil for never
	isLeft   bool             // the caller waits no longer: the commit is the committer's alone
	unheard  func(error)      // called instead, if nobody waits; it must not wait either
	bytes    int              // of the quota, taken for it
	growth   int64            // bytes by which the store may grow when it is applied
}

// committer brings commits into the journal and the store, by one goroutine each: while
// a batch is made durable, the one before it is applied and answered. Only what is
// durable is applied, in the order of the journal.
type committer struct {
	order  order
	quota  quota
	space  *space
	stall  *stall
	clock  *clock
	memory *memory
	queue  chan *commit
	// sealed is nil, or how an order that has no room on the disk yet begins to take batches; it
	// reports whether it does. Used by sendAll alone.
	sealed func(order) bool
	carry  *commit // taken from the queue and too much for the last batch: the first of the next; used by sendAll alone
	quit   chan struct{}
	ended  sync.WaitGroup
	applier
}

// newCommitter makes a committer that goes on from the store's position. Its order is set before it
// starts.
func newCommitter(s *store.Store, at chain.Position, space *space, stall *stall, clock *clock, memory *memory, growth *growth) *committer {
	c := &committer{
		space: space, stall: stall, clock: clock, memory: memory,
		queue: make(chan *commit, queueLength),
		quit:  make(chan struct{}),
	}
	c.applier = applier{store: s, end: at, growth: growth, memory: memory, answer: c.answer}
	return c
}

func (c *committer) start() {
	c.quota.waitMax = c.order.waitMax()
	c.ended.Go(c.sendAll)
	c.ended.Go(func() { c.applyAll(c.order) })
}

// enqueue queues a commit once the quota allows it. The caller must not hold a lock that
// anyone in the queue needs.
func (c *committer) enqueue(ctx context.Context, k *commit, p patience) error {
	if err := c.reserve(ctx, k, len(k.payload), p); err != nil {
		return err
	}
	c.push(k)
	return nil
}

// reserve takes the quota of a commit of at most so many bytes of payload. The caller must
// push or release the commit afterwards.
func (c *committer) reserve(ctx context.Context, k *commit, payloadBytes int, p patience) error {
	k.bytes = requestBytes + payloadBytes
	err := c.quota.take(ctx, k.bytes, p, c.order.failed())
	select {
	case <-c.order.failed():
		return c.lost()
	default:
		return err
	}
}

// errEnds is told of a node of several that cannot go on.
var errEnds = meter.Unavailable(meter.CodeNotReady, time.Second, "this node cannot go on and ends, and the others go on: what was sent may be recorded; send it again to know")

// lost is what callers are told once nothing more can become durable here.
func (c *committer) lost() error {
	if c.order.waitMax() > 0 {
		return errEnds
	}
	return c.order.failure()
}

func (c *committer) release(k *commit) { c.quota.give(k.bytes) }

// push queues a commit that was reserved. It does not wait, so the caller may hold locks.
func (c *committer) push(k *commit) {
	if len(k.payload) > commitBytesMax {
		panic(fmt.Sprintf("BUG: a commit of %d bytes", len(k.payload)))
	}
	if k.done == nil && k.unheard == nil {
		k.done = make(chan struct{}, 1)
	}
	if most := c.order.waitMax(); most > 0 && k.unheard == nil {
		k.late = time.After(most)
	}
	c.memory.granted.Add(k.growth)
	c.queue <- k
}

// wait returns the verdicts of a commit that was queued. The error is errUnanswered if they do not come in time.
func (c *committer) wait(k *commit) (store.Verdicts, error) {
	select {
	case <-k.done:
		return k.verdicts, k.err
	case <-c.order.failed():
		return store.Verdicts{}, c.lost()
	case <-k.late:
	}
	select {
	case <-k.done: // its caller came late
		return k.verdicts, k.err
	default:
		k.isLeft = true
		return store.Verdicts{}, errUnanswered
	}
}

// again returns a commit for the next entries: this one, emptied, or another one if it may still be under way.
func (k *commit) again() *commit {
	if k.isLeft {
		return &commit{deferred: k.deferred}
	}
	*k = commit{payload: k.payload[:0], verdicts: k.verdicts.Emptied(), done: k.done, deferred: k.deferred}
	return k
}

func (c *committer) answer(k *commit) {
	c.quota.give(k.bytes)
	c.memory.granted.Add(-k.growth)
	if k.unheard != nil {
		k.unheard(k.err)
		return
	}
	k.done <- struct{}{}
}

// stop sends and applies what is queued and ends the goroutines.
func (c *committer) stop() {
	close(c.quit)
	c.ended.Wait()
}

// sendAll sends whatever has gathered, again and again.
func (c *committer) sendAll() {
	defer c.order.stop()
	for g := new(gathered); c.gather(g); {
		readings, everything := c.space.refuses(uint64(len(g.payload)))
		if everything || !c.unseal() {
			c.refuse(g, true)
		} else if readings {
			c.refuse(g, false)
		}
		if len(g.commits) == 0 {
			continue
		}
		c.clock.stamp(g)
		c.stall.begin()
		if err := c.order.send(g); err != nil {
			return
		}
		c.stall.end()
	}
}

// gather waits for a commit and takes whatever else waits, up to the limit of one
// batch. It yields once before the batch is closed: a goroutine about to enqueue gets
// in, and a larger batch is cheaper for all than the delay. It reports false when
// nothing is left and nothing more will come, or nothing more can be written.
func (c *committer) gather(g *gathered) bool {
	g.reset()
	if c.carry == nil {
		select {
		case <-c.order.failed():
			return false
		case c.carry = <-c.queue:
		case <-c.quit:
		}
	}
	c.takeWaiting(g)
	runtime.Gosched()
	c.takeWaiting(g)
	return len(g.commits) > 0
}

// takeWaiting adds what is queued now and fits.
func (c *committer) takeWaiting(g *gathered) {
	bytesMax := c.order.batchBytesMax()
	for {
		if c.carry == nil {
			select {
			case c.carry = <-c.queue:
			default:
				return
			}
		}
		if !g.add(c.carry, bytesMax) {
			return
		}
		c.carry = nil
	}
}

// unseal makes the order take batches, if it does not yet, and reports whether it does.
func (c *committer) unseal() bool {
	if c.sealed != nil && c.sealed(c.order) {
		c.sealed = nil
	}
	return c.sealed == nil
}

// refuse answers the commits that must not be written while the disk is nearly full,
// and gathers the others again.
func (c *committer) refuse(g *gathered, all bool) {
	commits := g.commits
	g.reset()
	for _, k := range commits {
		if !k.deferred && !all || k.isSpared {
			g.add(k, c.order.batchBytesMax())
			continue
		}
		k.err = errDiskFull
		c.answer(k)
	}
}
