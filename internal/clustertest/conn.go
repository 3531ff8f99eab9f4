package clustertest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"
)

// conn is a connection with faults. What it does wrong follows from seed and name and, for each
// kind of call by itself, from how many came before.
type conn struct {
	seed uint64
	name string

	mu      sync.Mutex    // guards what follows
	changed chan struct{} // closed when faults or closed have
	faults  Faults
	closed  bool
	sources map[string]*rand.Rand // by kind of call
}

func newConn(seed uint64, name string) *conn {
	return &conn{seed: seed, name: name, changed: make(chan struct{}), sources: map[string]*rand.Rand{}}
}

func (c *conn) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
	close(c.changed)
	c.changed = make(chan struct{})
}

// turns returns a channel that is closed when the connection does other things wrong than now.
func (c *conn) turns() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

func (c *conn) draw(kind string) luck {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sources[kind] == nil {
		c.sources[kind] = newSource(c.seed, c.name+" "+kind)
	}
	return c.faults.draw(c.sources[kind])
}

var errClosed = errors.New("this end of the connection was closed")

func (c *conn) lost() error {
	return fmt.Errorf("connection %s: %w", c.name, syscall.ECONNRESET)
}

// state says whether the connection fails at once, and whether nothing comes through until it changes.
func (c *conn) state(stopped func(Faults) bool) (stops bool, changed <-chan struct{}, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		err = errClosed
	case c.faults.Link == Refuses:
		err = fmt.Errorf("connection %s: %w", c.name, syscall.ECONNREFUSED)
	}
	return stopped(c.faults), c.changed, err
}

// pass waits while nothing comes through, says whether it had to, and fails if the connection or ctx does.
func (c *conn) pass(ctx context.Context, stopped func(Faults) bool) (waited bool, err error) {
	for ; ; waited = true {
		stops, changed, err := c.state(stopped)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || !stops {
			return waited, err
		}
		_ = wait(ctx, 0, changed, nil)
	}
}

// call has a step made at the other end, or not, and brings back its answer, or not.
func call[T any](ctx context.Context, c *conn, kind string, step func() (T, error)) (answer T, err error) {
	l := c.draw(kind)
	waited, err := c.pass(ctx, requestsStop)
	switch {
	case err != nil:
		return answer, err
	case waited, l.lostBefore:
		return answer, c.lost()
	}
	if l.late || l.repeats {
		go func() {
			time.Sleep(l.later)
			_, _ = step()
		}()
	}
	if l.late {
		return answer, c.lost()
	}
	if err := delay(ctx, l.before); err != nil {
		return answer, err
	}
	got, refusal := step()
	if err := delay(ctx, l.behind); err != nil {
		return answer, err
	}
	waited, err = c.pass(ctx, answersStop)
	switch {
	case err != nil:
		return answer, err
	case waited, l.lostAfter:
		return answer, c.lost()
	}
	return got, refusal
}

// brings hands over the next of a stream when it has come through, unless the stream breaks off before it.
func (c *conn) brings(ctx context.Context, kind string, hand func(luck) error) error {
	l := c.draw(kind)
	if err := delay(ctx, l.before); err != nil {
		return err
	}
	if _, err := c.pass(ctx, streamsStop); err != nil {
		return err
	}
	if l.breaks {
		return c.lost()
	}
	return hand(l)
}

// wait ends after a time, if it is not 0, when one of the channels is closed, or with ctx: then it returns its error.
func wait(ctx context.Context, most time.Duration, changed, too <-chan struct{}) error {
	var after <-chan time.Time
	if most != 0 {
		timer := time.NewTimer(most)
		defer timer.Stop()
		after = timer.C
	}
	select {
	case <-ctx.Done():
	case <-changed:
	case <-too:
	case <-after:
	}
	return ctx.Err()
}

func delay(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return ctx.Err()
	}
	return wait(ctx, d, nil, nil)
}
