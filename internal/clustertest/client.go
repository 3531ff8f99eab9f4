package clustertest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
	"meterledger/internal/mutant"
)

// Client is the connection of one process to an engine. Whatever the engine keeps for a time, it keeps for
// that time after the call, not after its arrival.
type Client struct {
	engine *Engine
	conn   *conn
}

var _ cluster.Engine = (*Client)(nil)

// Client connects a process, without faults at first. Two clients of one name have the same luck.
func (e *Engine) Client(name string) *Client {
	return &Client{engine: e, conn: newConn(e.seed, name)}
}

// Set changes what the connection does wrong, also to calls under way.
func (c *Client) Set(f Faults) { c.conn.set(func() { c.conn.faults = f }) }

// Close ends the process as far as the engine can tell: its calls and streams fail from now on. What it had
// sent may still arrive.
func (c *Client) Close() { c.conn.set(func() { c.conn.closed = true }) }

// ask makes a step of the engine over the connection.
func ask[T any](ctx context.Context, c *Client, kind string, step func(*Engine) (T, error)) (T, error) {
	return call(ctx, c.conn, kind, func() (answer T, err error) {
		c.engine.do(func() { answer, err = step(c.engine) })
		return answer, err
	})
}

// change is an ask that is answered with no more than an error.
func (c *Client) change(ctx context.Context, kind string, step func(*Engine) error) error {
	_, err := ask(ctx, c, kind, func(e *Engine) (struct{}, error) { return struct{}{}, step(e) })
	return err
}

func (c *Client) View(ctx context.Context) (cluster.View, error) {
	return ask(ctx, c, "view", func(e *Engine) (cluster.View, error) { return e.view(), e.mustBeFounded() })
}

func (c *Client) Lead(ctx context.Context, n cluster.Node, instead uint64) (cluster.View, error) {
	until := time.Now().Add(cluster.LeaseTime)
	return ask(ctx, c, "lead", func(e *Engine) (cluster.View, error) {
		if err := e.mustBeFounded(); err != nil {
			return cluster.View{}, err
		}
		if e.leader.Term == instead && e.halted == 0 {
			e.setLeader(cluster.Leader{Node: n, Term: e.change()}, until)
		}
		return e.view(), nil
	})
}

func (c *Client) Append(ctx context.Context, term uint64, after chain.Position, batch []byte) (bool, cluster.View, error) {
	return c.add(ctx, "append", after, batch, func(e *Engine) bool { return e.mustLead(term) == nil }) // while it is halted nobody leads
}

// add adds the batch that follows a position, if that is the head, and the engine takes it.
func (c *Client) add(ctx context.Context, kind string, after chain.Position, batch []byte, takes func(*Engine) bool) (added bool, v cluster.View, err error) {
	if len(batch) > cluster.AppendBytesMax {
		return false, v, fmt.Errorf("%w: a batch of %d bytes, at most %d can be added", cluster.ErrRefused, len(batch), cluster.AppendBytesMax)
	}
	batch = bytes.Clone(batch)
	refused, err := ask(ctx, c, kind, func(e *Engine) (*cluster.View, error) {
		if err := e.mustBeFounded(); err != nil {
			return nil, err
		}
		if !takes(e) && !mutant.FenceDropped || e.head != after && !(mutant.AbsenceCompared && e.isAbsent(after.Sequence+1)) {
			v := e.view()
			return &v, nil
		}
		if e.full {
			return nil, fmt.Errorf("%w: it has no room", cluster.ErrRefused)
		}
		e.add(batch)
		return nil, nil
	})
	if refused != nil {
		v = *refused
	}
	return err == nil && refused == nil, v, err
}

func (c *Client) Renew(ctx context.Context, term uint64) error {
	until := time.Now().Add(cluster.LeaseTime)
	return c.change(ctx, "renew", func(e *Engine) error {
		if err := e.mustLead(term); err != nil {
			return err
		}
		e.until = later(e.until, until)
		return nil
	})
}

func (c *Client) Resign(ctx context.Context, term uint64) error {
	return c.change(ctx, "resign", func(e *Engine) error {
		if e.mustLead(term) == nil {
			e.setLeader(cluster.Leader{}, time.Time{})
		}
		return nil
	})
}

func (c *Client) Usage(ctx context.Context) (cluster.Usage, error) {
	return ask(ctx, c, "usage", func(e *Engine) (u cluster.Usage, err error) {
		u.Max = e.max
		for _, r := range e.order {
			if r.head.Sequence >= e.first {
				u.Bytes += int64(len(r.batch))
			}
		}
		return u, nil
	})
}

func (c *Client) Cut(ctx context.Context, term, upTo uint64, counted []cluster.Seen) error {
	return c.change(ctx, "cut", func(e *Engine) error {
		if err := e.mustLead(term); err != nil {
			return err
		}
		for _, n := range counted {
			if l, known := e.nodes[n.Name]; !known || l.Since != n.Since {
				return cluster.ErrGone
			}
		}
		e.first = max(e.first, min(upTo, e.head.Sequence)+1)
		return nil
	})
}

func (c *Client) Say(ctx context.Context, s cluster.Status) error {
	until := time.Now().Add(cluster.SayTime)
	return c.change(ctx, "say", func(e *Engine) error {
		l, known := e.nodes[s.Name]
		switch {
		case !known:
			l.Since = e.change()
		case l.Incarnation != s.Incarnation:
			return cluster.ErrNameTaken
		}
		e.revision++ // of which nobody waits to hear
		l.Status, l.until = s, later(l.until, until)
		e.nodes[s.Name] = l
		return nil
	})
}

func (c *Client) Nodes(ctx context.Context) ([]cluster.Seen, error) {
	return ask(ctx, c, "nodes", func(e *Engine) (seen []cluster.Seen, err error) {
		for _, l := range e.nodes {
			seen = append(seen, l.Seen)
		}
		slices.SortFunc(seen, func(a, b cluster.Seen) int { return cmp.Compare(a.Name, b.Name) })
		return seen, nil
	})
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
