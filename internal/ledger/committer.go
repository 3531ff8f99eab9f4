package ledger

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"meterledger/internal/journal"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

const (
	// queueLength is how many commits can wait for the disk. Past it, single
	// readings are answered 503 and bulk senders are slowed down.
	queueLength = 4096
	// gatherBytesMax is how much is gathered for one fsync.
	gatherBytesMax = 4 << 20
)

// commit is some entries that wait to be written together.
type commit struct {
	payload  []byte
	entries  int
	deferred bool            // may be refused while the disk is nearly full
	then     func()          // done by the committer once it is applied, before it is answered; or nil
	verdicts []store.Verdict // one an entry, once done
	err      error           // instead of verdicts
	done     chan struct{}
}

// committer is the one goroutine that writes the journal and the store.
type committer struct {
	journal *journal.Journal
	store   *store.Store
	queue   chan *commit
	quit    chan struct{}
	ended   sync.WaitGroup
	failing sync.Once
	failed  chan struct{} // closed after failure was set
	failure error
	metrics *metrics
	space   *space

	grown   chan struct{} // told when a snapshot is due by the size of the journal
	limit   int64         // bytes of journal; 0 is none
	growth  atomic.Int64  // the journal must have grown by as much too
	written int64         // bytes since a snapshot was due last; touched by the goroutine alone
}

func startCommitter(l *Ledger, snapshotBytes, unsaved int64) *committer {
	c := &committer{
		journal: l.journal, store: l.store, space: l.space,
		grown: make(chan struct{}, 1), limit: snapshotBytes, written: unsaved,
		queue:   make(chan *commit, queueLength),
		quit:    make(chan struct{}),
		failed:  make(chan struct{}),
		metrics: newMetrics(),
	}
	c.growth.Store(l.snapshots.size)
	c.ended.Go(c.run)
	return c
}

var errOverloaded = meter.Unavailable(meter.CodeOverloaded, time.Second,
	"more readings are waiting for the disk than can be queued; try again shortly")

// enqueue queues a commit. Where the queue is full it fails at once, or waits for
// a place if the caller can be slowed down.
func (c *committer) enqueue(ctx context.Context, k *commit, wait bool) error {
	k.done = make(chan struct{})
	select {
	case c.queue <- k:
		return nil
	default:
	}
	if !wait {
		return errOverloaded
	}
	select {
	case c.queue <- k:
		return nil
	case <-c.failed:
		return c.failure
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wait returns the verdicts of a commit that was queued.
func (c *committer) wait(k *commit) ([]store.Verdict, error) {
	select {
	case <-k.done:
		return k.verdicts, k.err
	case <-c.failed:
		return nil, c.failure
	}
}

// stop writes what is queued and ends the goroutine.
func (c *committer) stop() {
	close(c.quit)
	c.ended.Wait()
}

func (c *committer) run() {
	var gathered []*commit
	for {
		select {
		case <-c.failed:
			return
		case k := <-c.queue:
			gathered = c.gather(append(gathered[:0], k))
		case <-c.quit:
			if gathered = c.gather(gathered[:0]); len(gathered) == 0 {
				return
			}
		}
		if err := c.commit(gathered); err != nil {
			c.fail(err)
			return
		}
	}
}

// gather takes whatever else waits, up to the limit of one batch.
func (c *committer) gather(gathered []*commit) []*commit {
	size := 0
	for _, k := range gathered {
		size += len(k.payload)
	}
	for size < gatherBytesMax {
		select {
		case k := <-c.queue:
			gathered = append(gathered, k)
			size += len(k.payload)
		default:
			return gathered
		}
	}
	return gathered
}

// fail ends all acknowledgement.
func (c *committer) fail(err error) {
	c.failing.Do(func() {
		c.failure = fmt.Errorf("the journal cannot be written, nothing more is accepted: %w", err)
		close(c.failed)
	})
}

// commit writes, fsyncs, applies and answers, in this order.
func (c *committer) commit(gathered []*commit) error {
	gathered = c.refuse(gathered)
	var payload []byte
	entries := 0
	for _, k := range gathered {
		payload = append(payload, k.payload...)
		entries += k.entries
	}
	var verdicts []store.Verdict
	if len(payload) > 0 {
		started := time.Now()
		if _, err := c.journal.Append(payload); err != nil {
			return err
		}
		c.metrics.appended(time.Since(started), entries)
		var err error
		if verdicts, err = c.store.Apply(payload, make([]store.Verdict, 0, entries)); err != nil || len(verdicts) != entries {
			panic(fmt.Sprintf("BUG: a batch of %d entries came back with %d verdicts: %v", entries, len(verdicts), err))
		}
		c.grow(len(payload))
	}
	for _, k := range gathered {
		k.verdicts, verdicts = verdicts[:k.entries:k.entries], verdicts[k.entries:]
		if k.then != nil {
			k.then()
		}
		close(k.done)
	}
	return nil
}

// refuse answers what must not be written while the disk is nearly full, and
// returns the others.
func (c *committer) refuse(gathered []*commit) []*commit {
	size := 0
	for _, k := range gathered {
		size += len(k.payload)
	}
	if !c.space.refuses(uint64(size)) {
		return gathered
	}
	return slices.DeleteFunc(gathered, func(k *commit) bool {
		if k.deferred {
			k.err = errDiskFull
			close(k.done)
		}
		return k.deferred
	})
}

// grow counts what the journal grows by, and says when a snapshot is due.
func (c *committer) grow(bytes int) {
	c.written += int64(bytes)
	if c.limit == 0 || c.written < max(c.limit, c.growth.Load()) {
		return
	}
	c.written = 0
	select {
	case c.grown <- struct{}{}:
	default: // one is due already
	}
}
