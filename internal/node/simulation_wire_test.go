package node_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
	"meterledger/internal/clustertest"
	"meterledger/internal/faulttest"
	"meterledger/internal/mutant"
)

var errKilled = errors.New("the process was killed")

// mortalEngine is how a process reaches the engine. Once it was killed it is as if that were another
// one, at which a node ends whatever it is about.
type mortalEngine struct {
	*clustertest.Client
	of *process
}

func (e mortalEngine) View(ctx context.Context) (cluster.View, error) {
	v, err := e.Client.View(ctx)
	if end := e.of.unheard.Load(); err == nil && end != nil && v.Head == *end && e.of.unheard.CompareAndSwap(end, nil) {
		e.of.saw(addedUnheard)
	}
	if e.of.killed.Load() {
		return cluster.View{}, nil
	}
	return v, err
}

func (e mortalEngine) Lead(ctx context.Context, n cluster.Node, instead uint64) (cluster.View, error) {
	v, err := e.Client.Lead(ctx, n, instead)
	if err == nil && v.Leader.Incarnation == n.Incarnation {
		e.of.leads(v)
		if instead != 0 {
			e.of.saw(takenOver)
		}
	}
	return v, err
}

func (e mortalEngine) Append(ctx context.Context, term uint64, after chain.Position, batch []byte) (added bool, v cluster.View, err error) {
	added, v, err = e.Client.Append(ctx, term, after, batch)
	switch {
	case added:
	case errors.Is(err, cluster.ErrRefused):
		e.of.saw(engineFull)
	case err != nil:
		end := after.After(batch)
		e.of.unheard.Store(&end)
	case v.Leader.Term != term:
		e.of.saw(addedTooLate)
	case v.Head == after.After(batch):
		e.of.saw(addedUnheard)
	}
	return added, v, err
}

func (e mortalEngine) Cut(ctx context.Context, term, upTo uint64, counted []cluster.Seen) error {
	err := e.Client.Cut(ctx, term, upTo, counted)
	if err == nil && upTo > e.of.cut {
		e.of.cut = upTo
		e.of.saw(cutDone)
	}
	return err
}

func (e mortalEngine) Tail(ctx context.Context, after uint64, take func(batch []byte) error) error {
	err := e.Client.Tail(ctx, after, take)
	if _, isCut := errors.AsType[*cluster.CutError](err); isCut {
		e.of.saw(cutMet)
	}
	return err
}

// mortalPeers is how a process reaches others, until it is killed.
type mortalPeers struct {
	cluster.Peers
	of *process
}

func (p mortalPeers) Propose(ctx context.Context, q cluster.Proposal) error {
	if p.of.killed.Load() {
		return errKilled
	}
	return p.Peers.Propose(ctx, q)
}

func (p mortalPeers) Batches(ctx context.Context, from cluster.Node, after uint64, take func(batch []byte) error) error {
	return p.Peers.Batches(ctx, from, after, func(batch []byte) error {
		p.of.saw(caughtUp)
		return take(batch)
	})
}

func (p mortalPeers) Snapshot(ctx context.Context, from cluster.Node, to io.Writer) error {
	err := p.Peers.Snapshot(ctx, from, to)
	if err == nil {
		p.of.saw(snapshots)
	}
	return err
}

// answering is what a process answers its peers.
type answering struct {
	served
	of *process
}

func (a answering) Propose(ctx context.Context, p cluster.Proposal) error {
	term, _, leads := a.Lead()
	err := a.served.Propose(ctx, p)
	if errors.Is(err, cluster.ErrMoved) {
		a.of.saw(postElsewhere)
	}
	if leads && (p.To.Term != term.Number || p.To.Incarnation != term.Incarnation) {
		a.of.saw(postOfOther)
	}
	return err
}

// reachesArchive takes its time, and fails once the process is killed.
func (p *process) reachesArchive(op errorfs.Op) error {
	pause, hung := p.pauseBefore(op)
	time.Sleep(pause)
	if p.killed.Load() {
		return errKilled
	}
	if hung && p.Node != nil { // while it opens, it founds the order
		if _, _, leads := p.Lead(); !leads {
			p.saw(lateRename)
		}
	}
	return nil
}

func (p *process) pauseBefore(op errorfs.Op) (pause time.Duration, hung bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if op.Kind == errorfs.OpRename && p.hangs != nil {
		pause = p.hangs.pause
		close(p.hangs.begun)
		p.hangs = nil
		return pause, true
	}
	if slow := p.slow.Load(); faulttest.Changes(op) && slow > 0 {
		pause = time.Duration(p.luck.Int64N(slow))
	}
	return pause, false
}

// hang lets the next file that is to take its place hang; nil lets none.
func (p *process) hang(h *hang) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hangs = h
}

// hang is a change in the archive folder that takes long: a file that is about to take its place.
type hang struct {
	pause time.Duration
	begun chan struct{} // closed when it begins
}

// namesAge is for how long a network file system believes what it knows of a folder, unless this machine makes a
// file there.
const namesAge = 30 * time.Second

// cachingFS is a network file system, of which one folder is listed.
type cachingFS struct {
	vfs.FS

	mu     sync.Mutex // guards all below
	names  []string   // of the folder
	listed time.Time
}

// cache returns a file system whose folder was listed just now, if there is one.
func cache(fs vfs.FS, folder string) *cachingFS {
	c := &cachingFS{FS: fs}
	_, _ = c.List(folder)
	return c
}

func (c *cachingFS) List(folder string) (names []string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.listed) < namesAge {
		return slices.Clone(c.names), nil
	}
	if c.names, err = c.FS.List(folder); err == nil {
		c.listed = time.Now()
	}
	return slices.Clone(c.names), err
}

func (c *cachingFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := c.FS.Create(name, category)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !mutant.TidiedByStaleList {
		c.listed = time.Time{}
	}
	return f, err
}

// smallDisk is a disk that may be full.
type smallDisk struct {
	vfs.FS
	of *host
}

// diskFreeMin is how much must be free.
const diskFreeMin = 1 << 20

func (d smallDisk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	if d.of.full.Load() {
		return vfs.DiskUsage{TotalBytes: 8 * diskFreeMin, AvailBytes: diskFreeMin / 8}, nil
	}
	return vfs.DiskUsage{TotalBytes: 8 * diskFreeMin, AvailBytes: 4 * diskFreeMin}, nil
}
