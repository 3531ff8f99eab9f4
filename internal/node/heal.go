package node

import (
	"context"
	"errors"
	"fmt"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
	"meterledger/internal/journal"
)

// halt keeps all nodes from adding to an order that has lost what this folder holds, and says what to do.
func (m *membership) halt(ctx context.Context, copied uint64, v cluster.View) error {
	if err := m.haltFor(ctx, copied); err != nil {
		return err
	}
	return fmt.Errorf("%s holds batch %d, and the engine ends with batch %d: it was brought back from an older copy, or founded again by a node that had less; nothing is added before a node that holds more was started with -cluster-heal, which puts back what is missing",
		m.DataDir, copied, v.Head.Sequence)
}

func (m *membership) haltFor(ctx context.Context, copied uint64) error {
	return m.ask(ctx, func(ctx context.Context) error { return m.Shared.Engine.Halt(ctx, copied) })
}

// heal puts back into the engine what it has lost and this folder holds. It may be done twice, and by several nodes.
func (m *membership) heal(ctx context.Context, j *journal.Journal) error {
	for end, told := j.Last(), false; ; {
		v, err := cluster.Ask(ctx, m.Shared.Engine.View)
		switch {
		case err != nil:
			return err
		case v.Head.Sequence >= end && v.Halted > end:
			m.Log.Error("the engine has lost batches that this node does not hold either: nothing is added before one that does was started with -cluster-heal", "engine", v.Head.Sequence, "lost", v.Halted)
			return nil
		case v.Head.Sequence >= end:
			return nil
		case v.Halted < end:
			err = m.haltFor(ctx, end)
		case !told:
			told = true
			m.Log.Warn("batches are put back that the engine has lost", "from", v.Head.Sequence+1, "to", end)
		default:
			err = m.mend(ctx, j, v)
		}
		if err != nil {
			return err
		}
	}
}

var errOne = errors.New("one batch was handed out")

// mend puts one batch back. Whether it was added, the next view tells.
func (m *membership) mend(ctx context.Context, j *journal.Journal, v cluster.View) error {
	err := j.Batches(v.Head.Sequence, func(batch []byte) error {
		if _, err := v.Head.Follow(batch); err != nil {
			return fmt.Errorf("%w: %w", m.otherBatch(v.Head.Sequence), err)
		}
		if _, _, err := m.Shared.Engine.Mend(ctx, v.Head, batch); errors.Is(err, cluster.ErrRefused) || ctx.Err() != nil {
			return errors.Join(err, context.Cause(ctx))
		}
		return errOne
	})
	var cut *journal.CutError
	switch {
	case errors.Is(err, errOne):
		return nil
	case errors.As(err, &cut):
		return fmt.Errorf("the engine ends with batch %d, and %s begins with batch %d: start a node that holds what is between with -cluster-heal before", v.Head.Sequence, m.DataDir, cut.First)
	}
	return err
}

// isFork reports whether what a folder has behind the head of the order does not follow that. It never will, so nothing
// is gained by a halt.
func isFork(j *journal.Journal, head chain.Position) (fork bool) {
	_ = j.Batches(head.Sequence, func(batch []byte) error { // what cannot be read is no fork
		_, err := head.Follow(batch)
		fork = err != nil
		return errOne
	})
	return fork
}

// otherBatch is the error of a folder that the order does not go on from.
func (m *membership) otherBatch(sequence uint64) error {
	return fmt.Errorf("%s has another batch %d than the order of the engine, so one of the two was brought back from an older copy, or founded again with less, and has gone on: "+
		"move the folder away and keep it, for the others lack what it holds, and let the node join with an empty folder", m.DataDir, sequence)
}
