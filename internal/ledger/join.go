package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
	"meterledger/internal/snapshot"
)

// joining makes the journal of a node a copy of the engine's order, before the state is brought back
// from it.
type joining struct {
	*Shared

	l         *Ledger
	snapshots *snapshot.Folder
	sign      func() error // the folder, which is new
}

// run returns once the journal goes on where the order can be had from.
func (j joining) run(ctx context.Context) error {
	v, err := cluster.Ask(ctx, j.Engine.View)
	if err != nil {
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
		return j.fetch(ctx, chain.Position{Journal: v.Head.Journal})
	}
	if err := j.goOn(); err != nil {
		return err
	}
	if isCut, err := j.isCut(ctx, v.Head.Sequence); err != nil || !isCut {
		return err
	}
	j.l.log.Info("this node lies behind what the others still have, and fetches a snapshot", "behind", j.l.journal.Last())
	return j.fetch(ctx, j.l.journal.End())
}

// others returns the other nodes that are live.
func (j joining) others(ctx context.Context) ([]cluster.Seen, error) {
	nodes, err := cluster.Ask(ctx, j.Engine.Nodes)
	return slices.DeleteFunc(nodes, func(n cluster.Seen) bool { return n.Name == j.Self.Name }), err
}

// goOn makes the journal go on behind a snapshot that was fetched before, if the process ended
// in between.
func (j joining) goOn() error {
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

// isCut reports whether the batch behind the journal can be had of nobody any more.
func (j joining) isCut(ctx context.Context, head uint64) (bool, error) {
	end := j.l.journal.Last()
	if end >= head {
		return false, nil
	}
	err := j.Engine.Tail(ctx, end, func([]byte) error { return errThere })
	var cut *cluster.CutError
	if !errors.As(err, &cut) {
		return false, nil // it is there, or the tail asks again
	}
	nodes, err := j.others(ctx)
	if err != nil {
		return false, err
	}
	for _, n := range nodes {
		if n.First > 0 && n.First <= end+1 && n.Copied > end {
			return false, nil
		}
	}
	return true, nil
}

var errThere = errors.New("the next batch is there")

// fetch makes the journal go on behind the newest snapshot of another node, if there is one that
// lies ahead, or else at a position.
func (j joining) fetch(ctx context.Context, at chain.Position) error {
	nodes, err := j.others(ctx)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		p, err := j.fetchFrom(ctx, n.Node, at)
		if err == nil {
			j.l.log.Info("a snapshot came from another node", "node", n.Name, "batch", p.Sequence)
			return j.l.journal.BeginAt(p)
		}
		j.l.log.Info("no snapshot came from another node", "node", n.Name, "error", err)
	}
	return j.l.journal.BeginAt(at)
}

func (j joining) fetchFrom(ctx context.Context, from cluster.Node, behind chain.Position) (chain.Position, error) {
	ctx, heard, end := listen(ctx)
	defer end()
	reader, writer := io.Pipe()
	defer reader.Close()
	go func() { _ = writer.CloseWithError(j.Peers.Snapshot(ctx, from, hearing{writer, heard})) }()
	return j.snapshots.Receive(reader, func(p chain.Position) error {
		if p.Journal != behind.Journal || p.Sequence <= behind.Sequence {
			return fmt.Errorf("it is of batch %d of journal %x, and this node is at batch %d of %x", p.Sequence, p.Journal[:4], behind.Sequence, behind.Journal[:4])
		}
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
