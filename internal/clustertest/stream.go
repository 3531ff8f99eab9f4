package clustertest

import (
	"context"
	"time"

	"meterledger/internal/cluster"
)

// stream hands over what comes, one after the other, until that or the connection fails. Next returns what hands
// over the next that is there, or nil.
func (c *Client) stream(ctx context.Context, kind string, next func(e *Engine) (hand func(luck) error, err error)) error {
	begun := c.engine.backups()
	for {
		_, _, faults := c.conn.now()
		if _, err := c.conn.pass(ctx, streamsStop); err != nil {
			return err
		}
		var hand func(luck) error
		var err error
		var changed <-chan struct{}
		var ends time.Duration
		c.engine.do(func() {
			hand, err = next(c.engine)
			if c.engine.restored != begun {
				err = c.conn.lost()
			}
			changed, ends = c.engine.changed, c.engine.untilNobodyLeads()
		})
		if err != nil {
			return err
		}
		if hand == nil {
			_ = wait(ctx, ends, changed, faults)
			continue
		}
		l, err := c.conn.arrives(ctx, kind)
		if err != nil {
			return err
		}
		if err := hand(l); err != nil {
			return err
		}
	}
}

func (c *Client) Watch(ctx context.Context, watch func(cluster.Leader)) error {
	told := false
	var last cluster.Leader
	return c.stream(ctx, "watch", func(e *Engine) (func(luck) error, error) {
		leader, stale := e.leader, last
		if told && leader == last {
			return nil, nil
		}
		return func(l luck) error {
			if l.repeats && told {
				watch(stale)
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
		if err != nil || batch == nil {
			return nil, err
		}
		skipped, _ := e.next(after + 1)
		return func(l luck) error {
			if l.repeats && last != nil {
				if err := take(last); err != nil {
					return err
				}
			}
			if l.skips && skipped != nil {
				batch = skipped
				after++
			}
			after++
			last = batch
			return take(batch)
		}, nil
	})
}
