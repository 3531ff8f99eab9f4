package clustertest

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"
)

// Link is the state of a connection.
type Link uint8

const (
	// Whole: what is sent arrives.
	Whole Link = iota
	// Refuses: every call fails at once, and nothing is done. The error wraps syscall.ECONNREFUSED.
	Refuses
	// Drops: nothing arrives and nothing comes back. A call ends with its context.
	Drops
	// DropsAnswers: what is sent arrives and is done, but nothing comes back.
	DropsAnswers
)

// Faults is what a connection does wrong. Probabilities are from 0 to 1. The zero value is a good connection.
type Faults struct {
	Link       Link
	DelayMax   time.Duration // of a request, of an answer, and of each batch or event of a stream
	LostBefore float64       // a call fails and nothing was done
	LostAfter  float64       // a call fails and was done
	Late       float64       // a call fails and is done later
	LateMax    time.Duration // how much later at most
	Repeats    float64       // a call arrives twice, the second within LateMax; a stream brings again what it brought before
	Skips      float64       // a tail leaves a batch out
	Breaks     float64       // a stream breaks off before what it would bring next
	Stalled    bool          // a stream brings nothing, and no error
}

var errClosed = errors.New("this end of the connection was closed")

// conn is a connection with faults. What it does wrong follows from its seed and, for each
// kind of call by itself, from how many came before.
type conn struct {
	seed uint64
	name string

	mu      sync.Mutex    // guards what follows
	changed chan struct{} // closed when faults or closed did
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

// now returns what the connection does wrong from now on until changed is closed.
func (c *conn) now() (f Faults, closed bool, changed <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.faults, c.closed, c.changed
}

// luck is what befalls one call.
type luck struct {
	lostBefore, lostAfter, late, repeats, skips, breaks bool
	before, behind, later                               time.Duration
}

func (c *conn) draw(kind string) luck {
	c.mu.Lock()
	defer c.mu.Unlock()
	source := c.sources[kind]
	if source == nil {
		h := fnv.New64a()
		io.WriteString(h, c.name+" "+kind)
		source = rand.New(rand.NewPCG(c.seed, h.Sum64()))
		c.sources[kind] = source
	}
	f := c.faults
	hit := func(probability float64) bool { return source.Float64() < probability }
	upTo := func(most time.Duration) time.Duration { return time.Duration(source.Float64() * float64(most)) }
	return luck{
		lostBefore: hit(f.LostBefore), lostAfter: hit(f.LostAfter), late: hit(f.Late), repeats: hit(f.Repeats), skips: hit(f.Skips), breaks: hit(f.Breaks),
		before: upTo(f.DelayMax), behind: upTo(f.DelayMax), later: upTo(f.LateMax),
	}
}

func (c *conn) lost() error {
	return fmt.Errorf("connection %s: %w", c.name, syscall.ECONNRESET)
}

// pass waits while nothing comes through, says whether it had to, and fails if the connection or ctx does.
func (c *conn) pass(ctx context.Context, stopped func(Faults) bool) (waited bool, err error) {
	for ; ; waited = true {
		f, closed, changed := c.now()
		switch {
		case ctx.Err() != nil:
			return waited, ctx.Err()
		case closed:
			return waited, errClosed
		case f.Link == Refuses:
			return waited, fmt.Errorf("connection %s: %w", c.name, syscall.ECONNREFUSED)
		case !stopped(f):
			return waited, nil
		}
		_ = wait(ctx, 0, changed, nil)
	}
}

func requestsStop(f Faults) bool { return f.Link == Drops }
func answersStop(f Faults) bool  { return f.Link == Drops || f.Link == DropsAnswers }
func streamsStop(f Faults) bool  { return answersStop(f) || f.Stalled }

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

// arrives waits for the next of a stream to come through, and fails if the stream breaks off before it.
func (c *conn) arrives(ctx context.Context, kind string) (luck, error) {
	l := c.draw(kind)
	if err := delay(ctx, l.before); err != nil {
		return l, err
	}
	_, err := c.pass(ctx, streamsStop)
	if err == nil && l.breaks {
		err = c.lost()
	}
	return l, err
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
