package clustertest

import (
	"context"
	"time"

	"meterledger/internal/cluster"
)

func (c *Client) Watch(ctx context.Context, watch func(cluster.Leader)) error {
	told := false
	var last cluster.Leader
	return c.stream(ctx, "watch", func(e *Engine) (func(luck) error, error) {
		leader := e.leader
		if told && leader == last {
			return nil, nil
		}
		return func(l luck) error {
			if told && l.repeats {
				watch(last)
			}
			told, last = true, leader
			watch(leader)
			return nil
		}, nil
	})
}

func (c *Client) Tail(ctx context.Context, after uint64, take func(batch []byte) error) error {
	var last []byte
	return c.stream(ctx, "tail", func(e *Engine) (func(luck) error, error) {
		batch, err := e.next(after)
		if batch == nil {
			return nil, err
		}
		second, _ := e.next(after + 1)
		return func(l luck) error {
			if last != nil && l.repeats {
				if err := take(last); err != nil {
					return err
				}
			}
			if second != nil && l.skips {
				batch, after = second, after+1
			}
			last, after = batch, after+1
			return take(batch)
		}, nil
	})
}

// next returns the batch behind a sequence, nil if it has not come yet.
func (e *Engine) next(after uint64) ([]byte, error) {
	if err := e.mustBeFounded(); err != nil {
		return nil, err
	}
	switch {
	case after+1 < e.first:
		return nil, &cluster.CutError{First: e.first}
	case after >= e.head.Sequence:
		return nil, nil
	}
	return e.order[after-e.founding.At.Sequence].batch, nil
}

// stream hands over what comes, one after the other, until that or the connection fails. Next returns what hands
// over the next that is there, or nil.
func (c *Client) stream(ctx context.Context, kind string, next func(*Engine) (hand func(luck) error, err error)) error {
	e := c.engine
	var begun int
	e.do(func() { begun = e.restored })
	for {
		faults := c.conn.turns()
		if _, err := c.conn.pass(ctx, streamsStop); err != nil {
			return err
		}
		var hand func(luck) error
		var err error
		var changed <-chan struct{}
		var ends time.Duration
		e.do(func() {
			if hand, err = next(e); e.restored != begun {
				err = c.conn.lost()
			}
			changed = e.changed
			if e.leader.Term != 0 {
				ends = time.Until(e.until)
			}
		})
		if err == nil && hand == nil {
			_ = wait(ctx, ends, changed, faults)
			continue
		}
		if err == nil {
			err = c.conn.brings(ctx, kind, hand)
		}
		if err != nil {
			return err
		}
	}
}
