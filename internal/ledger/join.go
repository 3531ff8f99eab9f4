package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
	"meterledger/internal/snapshot"
	"meterledger/internal/store"
)

// joining makes the journal of a node a copy of the engine's order, before the state is brought back
// from it.
type joining struct {
	*Shared

	l         *Ledger
	snapshots *snapshot.Folder
	sign      func() error  // the folder, which is new
	heard     chan struct{} // closed once the others can know of this node
	isTaken   atomic.Bool   // another process has its name
	pinned    atomic.Uint64 // batch of the snapshot that is being fetched; 0 while none is
}

const (
	// reachAgain is how long a node that starts waits before it asks again for what it lacks, longer from try to try, and tailMax how
	// long the engine may take to hand it out.
	reachAgain = 500 * time.Millisecond
	tailMax    = 2 * time.Second
)

// announce says that this node is about to take part, so that the others keep what it will need of them, until end
// is called.
func (j *joining) announce(ctx context.Context) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var saying sync.WaitGroup
	saying.Go(func() {
		var other namesake
		for heard := false; ctx.Err() == nil; pause(ctx, sayEvery) {
			err := j.Engine.Say(ctx, cluster.Status{
				Node: j.Self, Copied: j.l.journal.Last(), Pinned: j.pinned.Load(), Level: uint8(store.LevelNewest), Clock: j.l.now().UnixMilli(),
			})
			j.isTaken.Store(other.lives(ctx, j.Engine, j.Self.Name, err))
			if err == nil && !heard {
				heard = true
				close(j.heard)
			}
		}
	})
	return func() {
		cancel()
		saying.Wait()
	}
}

// isHeard waits until the others keep what this node needs. It is an error if another process has its name.
func (j *joining) isHeard(ctx context.Context) error {
	for {
		select {
		case <-j.heard:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(sayEvery):
			if j.isTaken.Load() {
				return errTaken(j.Self.Name)
			}
		}
	}
}

// run returns once the journal goes on where the order can be had from.
func (j *joining) run(ctx context.Context) error {
	v, err := cluster.Ask(ctx, j.Engine.View)
	if err != nil {
		return err
	}
	if j.l.founded, err = cluster.Ask(ctx, j.Engine.Founded); err != nil {
		return err
	}
	end := j.l.journal.End()
	isOther := v.Head.Journal != end.Journal
	if isOther && end.Sequence > 0 {
		return fmt.Errorf("%s: %w", j.l.folder, errStranger)
	}
	if isOther {
		if err := j.sign(); err != nil {
			return err
		}
		if err := j.l.journal.BeginAt(chain.Position{Journal: v.Head.Journal}); err != nil {
			return err
		}
	}
	if err := j.goOn(); err != nil {
		return err
	}
	return j.reach(ctx, j.l.journal.Last() == 0 && v.Head.Sequence > 0)
}

// reach returns once the batch behind the journal can be had, be it behind a snapshot that was fetched. A new journal begins
// with one if there is any.
func (j *joining) reach(ctx context.Context, isNew bool) error {
	for try := 1; ; try++ {
		if !isNew || try > 1 {
			isThere, err := j.isThere(ctx)
			if err != nil || isThere {
				return err
			}
			j.l.log.Info("what follows cannot be had batch by batch now, so a snapshot is fetched", "behind", j.l.journal.Last(), "try", try)
			pause(ctx, reachAgain*time.Duration(min(try, 10)-1))
		}
		if err := j.fetch(ctx); err != nil {
			return err
		}
	}
}

// others returns the other nodes that are live.
func (j *joining) others(ctx context.Context) ([]cluster.Seen, error) {
	nodes, err := cluster.Ask(ctx, j.Engine.Nodes)
	return slices.DeleteFunc(nodes, func(n cluster.Seen) bool { return n.Name == j.Self.Name }), err
}

// goOn makes the journal go on behind a snapshot that was fetched before, if the process ended
// in between.
func (j *joining) goOn() error {
	sequences, err := j.snapshots.Sequences()
	if err != nil || len(sequences) == 0 || sequences[0] <= j.l.journal.Last() {
		return err
	}
	file, _, newest, err := j.snapshots.OpenNewest()
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil || newest.Sequence <= j.l.journal.Last() {
		return err
	}
	return j.l.journal.BeginAt(newest)
}

// isThere reports whether the batch behind the journal can be had, or has not come yet.
func (j *joining) isThere(ctx context.Context) (bool, error) {
	end := j.l.journal.Last()
	v, err := cluster.Ask(ctx, j.Engine.View)
	if err != nil || v.Head.Sequence <= end {
		return err == nil, err
	}
	once, done := context.WithTimeout(ctx, tailMax)
	defer done()
	if err := j.Engine.Tail(once, end, func([]byte) error { return errThere }); errors.Is(err, errThere) {
		return true, nil
	}
	nodes, err := j.others(ctx)
	return slices.ContainsFunc(nodes, func(n cluster.Seen) bool { return n.First > 0 && n.First <= end+1 && n.Copied > end }), err
}

var errThere = errors.New("the next batch is there")

// fetch makes the journal go on behind the newest snapshot of another node, if there is one that lies ahead.
func (j *joining) fetch(ctx context.Context) error {
	nodes, err := j.others(ctx)
	if len(nodes) == 0 {
		return errors.Join(err, ctx.Err())
	}
	if err := j.isHeard(ctx); err != nil {
		return err
	}
	if nodes, err = j.others(ctx); err != nil {
		return err
	}
	for _, n := range nodes {
		p, err := j.fetchFrom(ctx, n.Node, j.l.journal.End())
		if err == nil {
			j.l.log.Info("a snapshot came from another node", "node", n.Name, "batch", p.Sequence)
			return j.l.journal.BeginAt(p)
		}
		j.l.log.Info("no snapshot came from another node", "node", n.Name, "error", err)
	}
	return ctx.Err()
}

func (j *joining) fetchFrom(ctx context.Context, from cluster.Node, behind chain.Position) (chain.Position, error) {
	ctx, heard, end := listen(ctx)
	defer end()
	reader, writer := io.Pipe()
	defer reader.Close()
	defer j.pinned.Store(0)
	go func() { _ = writer.CloseWithError(j.Peers.Snapshot(ctx, from, hearing{writer, heard})) }()
	return j.snapshots.Receive(reader, func(p chain.Position) error {
		if p.Journal != behind.Journal || p.Sequence <= behind.Sequence {
			return fmt.Errorf("it is of batch %d of journal %x, and this node is at batch %d of %x", p.Sequence, p.Journal[:4], behind.Sequence, behind.Journal[:4])
		}
		j.pinned.Store(p.Sequence)
		return nil
	})
}

// hearing tells that something was heard.
type hearing struct {
	io.Writer
	heard func()
}

func (h hearing) Write(b []byte) (int, error) {
	h.heard()
	return h.Writer.Write(b)
}
