package ledger

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"meterledger/internal/chain"
	"meterledger/internal/journal"
	"meterledger/internal/store"
)

const (
	// gatherBytesMax is how much is gathered for one fsync.
	gatherBytesMax = 4 << 20
	// applyEntries is from how many entries on the store is left to its readers
	// for a moment, and those that wait are answered.
	applyEntries = 1024
)

// commit is some entries that wait to be written together. It can be used again
// once wait has returned its verdicts.
type commit struct {
	payload  []byte
	entries  int
	deferred bool                 // may be refused while the disk is nearly full
	then     func(chain.Position) // done when its batch is applied, with the end of that in the journal; or nil
	verdicts []store.Verdict      // one an entry, once done
	err      error                // instead of verdicts
	done     chan struct{}        // gets one message
	bytes    int                  // of the room that was taken for it
}

// committer writes the journal and the store, each by one goroutine: while a
// batch is fsynced, the one before it is applied and answered. Nothing is applied
// that is not on disk, and everything in the order of the journal.
type committer struct {
	journal *journal.Journal
	store   *store.Store
	room    room
	queue   chan *commit
	quit    chan struct{}
	written chan *batchOnDisk // to be applied
	spare   chan *batchOnDisk // what the writer can use again
	ended   sync.WaitGroup
	failed  chan struct{} // closed after failure was set
	failure error
	metrics *metrics
	space   *space

	grown   chan struct{} // told when a snapshot is due by the size of the journal
	limit   int64         // bytes of journal; 0 is none
	growth  atomic.Int64  // the journal must have grown by as much too
	unsaved int64         // bytes since a snapshot was due last; touched by the writer alone

	entries  atomic.Uint64   // written so far
	verdicts []store.Verdict // touched by the applier alone
}

// batchOnDisk is commits that were written together.
type batchOnDisk struct {
	commits []*commit
	last    []*commit // those with then: what they find is the state of end
	payload []byte    // of commits
	entries int
	end     chain.Position
}

func startCommitter(l *Ledger, snapshotBytes, unsaved int64) *committer {
	const batches = 2 // one that is written, one that is applied
	c := &committer{
		journal: l.journal, store: l.store, space: l.space,
		grown: make(chan struct{}, 1), limit: snapshotBytes, unsaved: unsaved,
		queue:   make(chan *commit, queueLength),
		quit:    make(chan struct{}),
		written: make(chan *batchOnDisk, batches),
		spare:   make(chan *batchOnDisk, batches),
		failed:  make(chan struct{}),
		metrics: newMetrics(),
	}
	c.growth.Store(l.snapshots.size)
	for range batches {
		c.spare <- &batchOnDisk{}
	}
	c.ended.Go(c.writeAll)
	c.ended.Go(c.applyAll)
	return c
}

// enqueue queues a commit, if there is room or will be. No lock may be held that
// anyone in the queue needs.
func (c *committer) enqueue(ctx context.Context, k *commit, p patience) error {
	if err := c.reserve(ctx, k, len(k.payload), p); err != nil {
		return err
	}
	c.push(k)
	return nil
}

// reserve takes room for a commit of at most so many bytes of payload. It must be
// pushed, or released, afterwards.
func (c *committer) reserve(ctx context.Context, k *commit, payloadBytes int, p patience) error {
	k.bytes = commitBytes + payloadBytes
	err := c.room.take(ctx, k.bytes, p, c.failed)
	select {
	case <-c.failed:
		return c.failure
	default:
		return err
	}
}

func (c *committer) release(k *commit) { c.room.give(k.bytes) }

// push queues a commit that room was taken for. It does not wait, so that locks may
// be held.
func (c *committer) push(k *commit) {
	if k.done == nil {
		k.done = make(chan struct{}, 1)
	}
	c.queue <- k
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

// stop writes and applies what is queued and ends the goroutines.
func (c *committer) stop() {
	close(c.quit)
	c.ended.Wait()
}

// writeAll writes whatever has gathered, again and again.
func (c *committer) writeAll() {
	defer close(c.written)
	for b := range c.spare {
		if !c.gather(b) {
			return
		}
		if err := c.write(b); err != nil {
			c.fail(err)
			return
		}
		c.written <- b
	}
}

// fail ends all acknowledgement. The writer ends with it.
func (c *committer) fail(err error) {
	c.failure = fmt.Errorf("the journal cannot be written, nothing more is accepted: %w", err)
	close(c.failed)
}

// gather waits for a commit and takes whatever else waits, up to the limit of one
// batch. Who is about to queue something, on a busy machine, is let do so first: a
// larger batch costs everybody less than the moment that it takes. It reports false
// when nothing is left and nothing more will come.
func (c *committer) gather(b *batchOnDisk) bool {
	b.reset()
	select {
	case <-c.journal.Failed():
		c.fail(c.journal.Failure())
		return false
	case k := <-c.queue:
		b.add(k)
	case <-c.quit:
	}
	c.takeWaiting(b)
	runtime.Gosched()
	c.takeWaiting(b)
	return len(b.commits)+len(b.last) > 0
}

// takeWaiting adds what is queued now.
func (c *committer) takeWaiting(b *batchOnDisk) {
	for len(b.payload) < gatherBytesMax {
		select {
		case k := <-c.queue:
			b.add(k)
		default:
			return
		}
	}
}

func (b *batchOnDisk) reset() {
	b.commits, b.last, b.payload, b.entries = b.commits[:0], b.last[:0], b.payload[:0], 0
}

func (b *batchOnDisk) add(k *commit) {
	if k.then != nil {
		b.last = append(b.last, k)
		return
	}
	b.commits = append(b.commits, k)
	b.payload = append(b.payload, k.payload...)
	b.entries += k.entries
}

// write writes and fsyncs.
func (c *committer) write(b *batchOnDisk) error {
	if c.space.refuses(uint64(len(b.payload))) {
		c.refuse(b)
	}
	if b.entries > 0 {
		started := time.Now()
		if _, err := c.journal.Append(b.payload); err != nil {
			return err
		}
		c.metrics.appended(time.Since(started), b.entries)
		c.entries.Add(uint64(b.entries))
		c.grow(len(b.payload))
	}
	b.end = c.journal.End()
	return nil
}

// refuse answers what must not be written while the disk is nearly full, and leaves
// the others.
func (c *committer) refuse(b *batchOnDisk) {
	commits, last := b.commits, b.last
	b.reset()
	b.last = last
	for _, k := range commits {
		if !k.deferred {
			b.add(k)
			continue
		}
		k.err = errDiskFull
		c.answer(k)
	}
}

// grow counts what the journal grows by, and says when a snapshot is due.
func (c *committer) grow(bytes int) {
	c.unsaved += int64(bytes)
	if c.limit == 0 || c.unsaved < max(c.limit, c.growth.Load()) {
		return
	}
	c.unsaved = 0
	select {
	case c.grown <- struct{}{}:
	default: // one is due already
	}
}

// applyAll makes what is on disk part of the state, and answers.
func (c *committer) applyAll() {
	for b := range c.written {
		for commits, payload := b.commits, b.payload; len(commits) > 0; {
			commits, payload = c.applySome(commits, payload)
		}
		for _, k := range b.last {
			k.then(b.end)
			c.answer(k)
		}
		c.spare <- b
	}
}

// applySome applies the first commits of a batch, so many that it is worth the lock,
// and returns the others.
func (c *committer) applySome(commits []*commit, payload []byte) ([]*commit, []byte) {
	n, entries, size := 0, 0, 0
	for ; n < len(commits) && entries < applyEntries; n++ {
		entries += commits[n].entries
		size += len(commits[n].payload)
	}
	verdicts, err := c.store.Apply(payload[:size], c.verdicts[:0])
	if err != nil || len(verdicts) != entries {
		panic(fmt.Sprintf("BUG: %d entries came back with %d verdicts: %v", entries, len(verdicts), err))
	}
	c.verdicts = verdicts
	for _, k := range commits[:n] {
		k.verdicts = append(k.verdicts[:0], verdicts[:k.entries]...)
		verdicts = verdicts[k.entries:]
		c.answer(k)
	}
	return commits[n:], payload[size:]
}

func (c *committer) answer(k *commit) {
	c.room.give(k.bytes)
	k.done <- struct{}{}
}
