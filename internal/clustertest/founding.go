package clustertest

import (
	"context"
	"fmt"
	"time"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
)

func (c *Client) Found(ctx context.Context, o cluster.Order) error {
	return c.change(ctx, "found", func(e *Engine) error {
		switch left := e.left; {
		case e.founded:
			return cluster.ErrFounded
		case left != nil && (o.At.Journal != left.At.Journal || o.At.Sequence <= left.At.Sequence):
			return left
		}
		e.change()
		e.begun = state{at: e.known(), founded: true, head: o.At, first: o.At.Sequence + 1}
		e.founding, e.order, e.state = o, nil, e.begun
		return nil
	})
}

func (c *Client) Founded(ctx context.Context) (cluster.Order, error) {
	return ask(ctx, c, "founded", func(e *Engine) (cluster.Order, error) { return e.founding, e.mustBeFounded() })
}

func (c *Client) Identity(ctx context.Context) (id cluster.EngineID, r cluster.Revision, err error) {
	r, err = ask(ctx, c, "identity", func(e *Engine) (cluster.Revision, error) { return e.known(), nil })
	return c.engine.id, r, err
}

func (c *Client) Halt(ctx context.Context, copied uint64) error {
	return c.change(ctx, "halt", func(e *Engine) error {
		if err := e.mustBeFounded(); err != nil {
			return err
		}
		e.halted = max(e.halted, copied)
		e.setLeader(cluster.Leader{}, time.Time{})
		return nil
	})
}

func (c *Client) Mend(ctx context.Context, after chain.Position, batch []byte) (bool, cluster.View, error) {
	return c.add(ctx, "mend", after, batch, func(e *Engine) bool { return e.halted > 0 })
}

func (c *Client) Leave(ctx context.Context, node string, at chain.Position) error {
	return c.change(ctx, "leave", func(e *Engine) error {
		left := cluster.LeftError{Node: node, At: at}
		switch {
		case e.left != nil && *e.left == left:
			return nil
		case e.mustBeFounded() != nil:
			return e.mustBeFounded()
		case e.head != at || e.leader.Term != 0 || e.halted != 0:
			return fmt.Errorf("%w: it ends with batch %d, the term is %d, and it is halted for batch %d", cluster.ErrRefused, e.head.Sequence, e.leader.Term, e.halted)
		}
		e.founded, e.left = false, &left
		e.change()
		return nil
	})
}
