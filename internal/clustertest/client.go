package clustertest

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
)

// Client is the connection of one process to an engine.
type Client struct {
	engine *Engine
	conn   *conn
}

var _ cluster.Engine = (*Client)(nil)

// Client connects a process, without faults. Two clients of one name have the same luck.
func (e *Engine) Client(node string) *Client {
	return &Client{engine: e, conn: newConn(e.seed, node)}
}

// Set changes what the connection does wrong, also for calls under way.
func (c *Client) Set(f Faults) { c.conn.set(func() { c.conn.faults = f }) }

// Close ends the process as far as the engine can tell: its calls and streams fail from now on. What it had
// sent may still arrive.
func (c *Client) Close() { c.conn.set(func() { c.conn.closed = true }) }

// step makes a step of the engine over the connection. Whatever lasts for a while begins with the call.
func step[T any](ctx context.Context, c *Client, kind string, f func(e *Engine, called time.Time) (T, error)) (T, error) {
	called := time.Now()
	return call(ctx, c.conn, kind, func() (answer T, err error) {
		c.engine.do(func() { answer, err = f(c.engine, called) })
		return answer, err
	})
}

type none = struct{}

func (c *Client) Found(ctx context.Context, at chain.Position) error {
	_, err := step(ctx, c, "found", func(e *Engine, _ time.Time) (none, error) { return none{}, e.found(at) })
	return err
}

func (c *Client) View(ctx context.Context) (cluster.View, error) {
	return step(ctx, c, "view", func(e *Engine, _ time.Time) (cluster.View, error) { return e.view(), e.begun() })
}

func (c *Client) Lead(ctx context.Context, n cluster.Node, instead uint64) (cluster.View, error) {
	return step(ctx, c, "lead", func(e *Engine, called time.Time) (cluster.View, error) {
		return e.takeTerm(n, instead, called.Add(cluster.LeaseTime))
	})
}

func (c *Client) Append(ctx context.Context, term uint64, after chain.Position, batch []byte) (bool, cluster.View, error) {
	if len(batch) > cluster.AppendBytesMax {
		return false, cluster.View{}, fmt.Errorf("%w: a batch of %d bytes, at most %d can be appended", cluster.ErrRefused, len(batch), cluster.AppendBytesMax)
	}
	batch = bytes.Clone(batch)
	type answer struct {
		added bool
		view  cluster.View
	}
	a, err := step(ctx, c, "append", func(e *Engine, _ time.Time) (a answer, err error) {
		a.added, a.view, err = e.add(term, after, batch)
		return a, err
	})
	return a.added, a.view, err
}

func (c *Client) Renew(ctx context.Context, term uint64) error {
	_, err := step(ctx, c, "renew", func(e *Engine, called time.Time) (none, error) {
		return none{}, e.renew(term, called.Add(cluster.LeaseTime))
	})
	return err
}

func (c *Client) Resign(ctx context.Context, term uint64) error {
	_, err := step(ctx, c, "resign", func(e *Engine, _ time.Time) (none, error) {
		e.resign(term)
		return none{}, nil
	})
	return err
}

func (c *Client) Halt(ctx context.Context, copied uint64) error {
	_, err := step(ctx, c, "halt", func(e *Engine, _ time.Time) (none, error) { return none{}, e.halt(copied) })
	return err
}

func (c *Client) Cut(ctx context.Context, term, upTo uint64, counted []cluster.Seen) error {
	_, err := step(ctx, c, "cut", func(e *Engine, _ time.Time) (none, error) { return none{}, e.cut(term, upTo, counted) })
	return err
}

func (c *Client) Say(ctx context.Context, s cluster.Status) error {
	_, err := step(ctx, c, "say", func(e *Engine, called time.Time) (none, error) {
		return none{}, e.say(s, called.Add(cluster.SayTime))
	})
	return err
}

func (c *Client) Nodes(ctx context.Context) ([]cluster.Seen, error) {
	return step(ctx, c, "nodes", func(e *Engine, _ time.Time) ([]cluster.Seen, error) { return e.live(), nil })
}
