package node

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"meterledger/internal/cluster"
)

// identity is which engine it is, and how far it was.
type identity struct {
	id       cluster.EngineID
	revision cluster.Revision
}

// pinned is the mark of a folder, as it is on the disk.
type pinned struct{ cluster.Mark }

// isOther reports whether an engine is another one than that of the mark, or was brought back from a copy.
func (p pinned) isOther(now identity) bool { return now.id != p.Engine || now.revision < p.Revision }

func (p pinned) otherError(now identity) error {
	if now.id != p.Engine {
		return fmt.Errorf("%w: the engine is %x, not %x as before: choose that one with -cluster or CLUSTER; if it was brought back from a copy, or is lost and the node that has most has founded the order again, start with -cluster-heal",
			cluster.ErrRefused, now.id, p.Engine)
	}
	return fmt.Errorf("%w: the engine is at revision %d and was at %d before: it was brought back from an older copy; start with -cluster-heal, which puts back what it has lost", cluster.ErrRefused, now.revision, p.Revision)
}

const (
	// markEvery is how often the revision in the mark is raised.
	markEvery = time.Minute
	// lastMarkMax is how long the engine is asked when a node stops.
	lastMarkMax = time.Second
)

// keeper raises the revision in the mark while the node runs, and lets it lead only in the engine of
// the mark.
type keeper struct {
	cluster.Engine
	m       *membership
	newest  atomic.Uint64 // the highest revision that was seen
	end     context.CancelFunc
	stopped chan struct{}
}

// keep begins to keep the mark. What is returned takes the place of the engine.
func (m *membership) keep() *keeper {
	ctx, end := context.WithCancel(context.Background())
	k := &keeper{Engine: m.Shared.Engine, m: m, end: end, stopped: make(chan struct{})}
	k.newest.Store(uint64(m.mark.Revision))
	go func() {
		defer close(k.stopped)
		for {
			select {
			case <-time.After(markEvery):
				k.raise(ctx)
			case <-ctx.Done():
				return
			}
		}
	}()
	return k
}

// stop ends it, and raises the revision a last time. A node alone has no keeper.
func (k *keeper) stop() {
	if k == nil {
		return
	}
	k.end()
	<-k.stopped
	ctx, done := context.WithTimeout(context.Background(), lastMarkMax)
	defer done()
	k.raise(ctx)
}

// raise writes the revision that the engine is at now. Without an answer the next time does.
func (k *keeper) raise(ctx context.Context) {
	now, err := k.check(ctx)
	if err != nil && !errors.Is(err, cluster.ErrRefused) {
		return // the ledger says so
	}
	if err == nil && now.revision > k.m.mark.Revision {
		next := k.m.mark
		next.Revision = now.revision
		if err = next.Write(k.m.FS, k.m.DataDir); err == nil {
			k.m.mark = next
		}
	}
	if err != nil {
		k.m.Log.Warn("the mark of the data folder keeps an older revision of the engine", "error", err)
	}
}

// check asks the engine who it is. It is refused if it is not the one of before.
func (k *keeper) check(ctx context.Context) (identity, error) {
	before := k.newest.Load()
	var now identity
	var err error
	if now.id, now.revision, err = k.Identity(ctx); err != nil {
		return now, err
	}
	known := pinned{cluster.Mark{Engine: k.m.engine.id, Revision: cluster.Revision(before)}}
	if known.isOther(now) {
		return now, known.otherError(now)
	}
	for seen := before; seen < uint64(now.revision) && !k.newest.CompareAndSwap(seen, uint64(now.revision)); {
		seen = k.newest.Load()
	}
	return now, nil
}

// Lead leads if the engine is the one of before: whoever has less than others would make another order of one that
// was brought back from a copy.
func (k *keeper) Lead(ctx context.Context, n cluster.Node, instead uint64) (cluster.View, error) {
	if _, err := k.check(ctx); err != nil {
		return cluster.View{}, err
	}
	return k.Engine.Lead(ctx, n, instead)
}
