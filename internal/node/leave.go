package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meterledger/internal/archive"
	"meterledger/internal/chain"
	"meterledger/internal/closing"
	"meterledger/internal/cluster"
	"meterledger/internal/durable"
	"meterledger/internal/ledger"
)

// leadMax is how long a term that nobody renews may go on.
const leadMax = 2 * cluster.LeaseTime

// Leave makes the data folder of a node of several that of a node alone: the order ends for all with what the folder
// holds, and the archive folder is this node's. All nodes must have been stopped.
//
//  1. the folder is locked, and must have all that the engine has
//  2. the engine ends the order, in the name of this node
//  3. what was computed of days goes from the archive folder into the data folder
//  4. the mark of the archive folder goes
//  5. the mark of the data folder goes
//
// Whatever ends it in between, the same again goes on with it. Before 2 nothing has changed, and before 5 the folder
// does not start alone. A folder without a mark is one of a node alone already.
func Leave(ctx context.Context, o Options) (err error) {
	lock, err := durable.LockFolder(o.FS, o.DataDir, o.Holder)
	if err != nil {
		return fmt.Errorf("%w: stop that program", err)
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	m, err := openMembership(ctx, o)
	if err != nil {
		return err
	}
	if !m.isMarked() {
		o.Log.Info("the data folder is that of a node alone: start it without -cluster", "folder", o.DataDir)
		return nil
	}
	if err := m.end(ctx); err != nil {
		return err
	}
	if err := closing.UnshareKept(o.FS, o.ArchiveDir, o.DataDir); err != nil {
		return err
	}
	if err := archive.Unshare(o.FS, o.ArchiveDir, m.mark.Journal); err != nil {
		return err
	}
	if err := cluster.RemoveMark(o.FS, o.DataDir); err != nil {
		return err
	}
	o.Log.Info("the cluster has ended, and the data folder is that of a node alone: start it without -cluster", "folder", o.DataDir)
	return nil
}

// end ends the order of the engine with what the folder holds, unless that was done before.
func (m *membership) end(ctx context.Context) error {
	j, err := ledger.OpenJournal(ledger.Options{FS: m.FS, DataDir: m.DataDir, Zone: m.Zone, Log: m.Log})
	if err != nil {
		return err
	}
	at := j.End()
	if err := j.Close(); err != nil {
		return err
	}
	v, err := m.unled(ctx)
	var left *cluster.LeftError
	switch {
	case errors.As(err, &left) && *left == cluster.LeftError{Node: m.mark.Node, At: at}:
		return nil
	case m.isFounding() && (errors.Is(err, cluster.ErrNotFounded) || err == nil && v.Head.Journal != m.mark.Journal):
		return nil // it has had no part in any order
	case errors.Is(err, cluster.ErrNotFounded):
		return fmt.Errorf("%w: choose the engine of %s with -cluster or CLUSTER; if that is lost, start this node with -cluster-found=again, stop it, and leave then", err, m.DataDir)
	case err != nil:
		return err
	case m.mark.isOther(m.engine):
		return m.mark.otherError(m.engine)
	}
	if err := m.mayLeave(v, at); err != nil {
		return err
	}
	if _, err := archive.OpenShared(m.FS, m.ArchiveDir, m.Zone, m.mark.Journal); err != nil {
		return err
	}
	return m.ask(ctx, func(ctx context.Context) error { return m.Shared.Engine.Leave(ctx, m.mark.Node, at) })
}

// unled returns what the engine holds, once nobody leads, or after leadMax.
func (m *membership) unled(ctx context.Context) (cluster.View, error) {
	for begun := time.Now(); ; {
		v, err := cluster.Ask(ctx, m.Shared.Engine.View)
		if err != nil || v.Leader.Term == 0 || time.Since(begun) > leadMax {
			return v, err
		}
		select {
		case <-time.After(leadMax / 20):
		case <-ctx.Done():
			return v, context.Cause(ctx)
		}
	}
}

// mayLeave refuses to end an order that goes on, or of which the folder does not have all.
func (m *membership) mayLeave(v cluster.View, at chain.Position) error {
	switch {
	case v.Leader.Term != 0:
		return fmt.Errorf("node %s leads: stop all nodes of the cluster before one of them leaves", v.Leader.Name)
	case v.Halted > 0 || v.Head.Sequence < at.Sequence:
		return fmt.Errorf("the engine ends with batch %d and has lost batches up to %d: start the node that has most with -cluster-heal before", v.Head.Sequence, max(v.Halted, at.Sequence))
	case v.Head != at:
		return fmt.Errorf("%s ends with batch %d, and the engine with batch %d: start the node in the cluster until it has all, or let another one leave", m.DataDir, at.Sequence, v.Head.Sequence)
	}
	return nil
}
