package ledger

import (
	"context"
	"errors"
	"io"
	"slices"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
	"meterledger/internal/journal"
	"meterledger/internal/store"
)

// share makes the ledger part of an order of several nodes.
func (l *Ledger) share(o *Shared) {
	hasRoom := func(more uint64) bool {
		if l.seal.closed.Load() && !l.seal.begin() {
			return false
		}
		_, everything := l.space.refuses(more)
		return !everything
	}
	l.shared = newShared(o, l.journal, l.store, l.now, l.log, l.committer.answer, hasRoom)
	l.shared.quit, l.shared.anew = l.committer.quit, l.anew(o)
	l.shared.settled = func() { l.clock.newest.Store(l.store.Written().Unix()) } // also by the clocks of others
	l.committer.order = l.shared
	l.shared.term.trim, l.shared.room = l.keeper.trimmed, l.room
	l.stall.max = 0 // the order has a gate of its own
	l.clock.isShared = true
	l.gates = slices.Insert(l.gates, 0, gate{errEngineFull, l.shared.engineFull.Load}, gate{errLate, l.shared.isLate}, gate{errDiskFull, l.shared.crowded.Load}, gate{errClockSkew, l.shared.lookout.skewed.Load})
}

// takePart lets other nodes ask this one, and then begins to follow the order.
func (l *Ledger) takePart(o *Shared) {
	if o.Serve != nil {
		l.unserve = o.Serve(l)
	}
	l.shared.start()
}

// room says what the disk of the data folder has room for.
func (l *Ledger) room() cluster.Room {
	switch free, known := l.space.free(); {
	case l.seal.closed.Load(), known && free < l.space.min/4:
		return cluster.RoomForNothing
	case known && free < l.space.min:
		return cluster.RoomForLittle
	}
	return cluster.RoomForAll
}

// anew returns where the order goes on behind an engine that was lost or brought back; nil if it was neither.
func (l *Ledger) anew(o *Shared) *chain.Position {
	end := l.journal.End()
	switch {
	case o.Heal:
		return &end
	case l.founded.Again:
		return &l.founded.At
	}
	return nil
}

// Order returns the id of the journal of all nodes of an order. A node alone has none.
func (l *Ledger) Order() chain.ID { return l.shared.id }

// Lead returns the term in which this node may run maintenance, which ends when over is
// closed; leads is false while another node leads.
func (l *Ledger) Lead() (t store.Term, over <-chan struct{}, leads bool) {
	if l.shared == nil {
		return store.Alone, nil, true
	}
	term, over, leads := l.shared.term.leads()
	return store.Term{Number: term.Term, Incarnation: term.Incarnation, Node: term.Name}, over, leads
}

// everywhere returns once every live node has applied all that has come here. One that has not by confirmedMax, and one that
// is not known to be live, does not believe credentials any more.
func (l *Ledger) everywhere(ctx context.Context) {
	if l.shared == nil {
		return
	}
	all := l.shared.tail.known.load()
	isBehind := func(n cluster.Seen) bool {
		return n.Incarnation != l.shared.self.Incarnation && n.Applied.Sequence < all
	}
	ctx, done := context.WithTimeout(ctx, confirmedMax+sayEvery)
	defer done()
	for ctx.Err() == nil {
		if nodes, err := l.shared.engine.Nodes(ctx); err == nil && !slices.ContainsFunc(nodes, isBehind) {
			return
		}
		pause(ctx, tailAgain)
	}
}

// Leader returns the node that leads, as far as this one knows, and whether that is this one. The node is the zero value
// while none leads, and while this one does not take anything yet in a term that it has won. A node alone
// leads.
func (l *Ledger) Leader() (leads cluster.Leader, isSelf bool) {
	if l.shared == nil {
		return cluster.Leader{}, true
	}
	if term, _, isOurs := l.shared.term.leads(); isOurs {
		return term, true
	}
	if leads = l.shared.mine.leader(); leads.Incarnation == l.shared.self.Incarnation {
		leads = cluster.Leader{}
	}
	return leads, false
}

// WhileLed returns a context that ends when a node leads no more, as far as this one knows, and at the latest
// with done, which must be called.
func (l *Ledger) WhileLed(ctx context.Context, by cluster.Leader) (led context.Context, done context.CancelFunc) {
	led, done = context.WithCancel(ctx)
	if l.shared != nil {
		go func() {
			defer done()
			_ = l.shared.mine.until(led, func() bool { return l.shared.mine.leads != by })
		}()
	}
	return led, done
}

// Missed tells why the node that leads could not be asked. If nobody serves there any more, another node leads before the
// lease has ended.
func (l *Ledger) Missed(leads cluster.Leader, why error) {
	if l.shared != nil {
		l.shared.mine.heard(leads, why)
	}
}

// Propose queues a proposal of another node, if this one leads; see cluster.Peers.
func (l *Ledger) Propose(ctx context.Context, p cluster.Proposal) error {
	if l.shared == nil {
		return cluster.ErrMoved
	}
	return l.shared.term.propose(ctx, p)
}

// Batches hands out the batches that this node has copied behind a sequence; see cluster.Peers.
func (l *Ledger) Batches(after uint64, take func(batch []byte) error) error {
	err := l.journal.Batches(after, take)
	var cut *journal.CutError
	if errors.As(err, &cut) {
		return &cluster.CutError{First: cut.First}
	}
	return err
}

// OpenSnapshot opens the newest snapshot, and returns how many bytes it has; see cluster.Peers. It is
// os.ErrNotExist if there is none.
func (l *Ledger) OpenSnapshot() (whole io.ReadCloser, bytes int64, err error) {
	whole, bytes, _, err = l.snapshots.folder.OpenNewest()
	return whole, bytes, err
}

// SnapshotTo writes the bytes of the newest snapshot; see OpenSnapshot.
func (l *Ledger) SnapshotTo(to io.Writer) error {
	file, _, err := l.OpenSnapshot()
	if err != nil {
		return err
	}
	_, err = io.Copy(to, file)
	return errors.Join(err, file.Close())
}
