package caller

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	answerTimeMax = time.Minute
	pauseFirst    = 50 * time.Millisecond
	pauseMax      = 5 * time.Second
)

// Patience is how long a meter sends the same again and again.
const Patience = 2 * time.Minute

// ErrPatience says that a request got no final answer in time.
var ErrPatience = fmt.Errorf("no final answer within %s", Patience)

// Caller sends requests over one connection, which it makes anew when it breaks. It is
// used by one goroutine.
type Caller struct {
	Host      string                               // host:port
	Dial      func(context.Context) (*Conn, error) // nil dials Host
	Impatient bool                                 // never sends a request again
	Again     func()                               // called before a request is sent again; may be nil

	conn    *Conn
	unset   func() bool
	request []byte
}

// Do sends a request, and again while the answer is "not now" or none. It comes back
// with a final answer, or with an error: then nobody knows whether it was done.
func (c *Caller) Do(ctx context.Context, request, body []byte) (Answer, error) {
	pauses := backoff.NewExponentialBackOff() // with jitter: each is up to half longer or shorter
	pauses.InitialInterval, pauses.MaxInterval, pauses.Multiplier = pauseFirst, pauseMax, 2
	var begun time.Time
	for {
		a, err := c.once(ctx, request, body)
		if c.Impatient || err == nil && !isPassing(a.Status) {
			return a, err
		}
		if ctx.Err() != nil {
			return a, context.Cause(ctx)
		}
		if begun.IsZero() {
			begun = time.Now()
		}
		if time.Since(begun) > Patience {
			return a, errors.Join(ErrPatience, err)
		}
		// Whoever was told when to come back does so then or a little later, not all at once.
		if err := Pause(ctx, a.RetryAfter+pauses.NextBackOff()); err != nil {
			return a, err
		}
		c.again()
	}
}

func (c *Caller) again() {
	if c.Again != nil {
		c.Again()
	}
}

// isPassing reports whether the same request may be answered otherwise later.
func isPassing(status int) bool {
	return status == http.StatusTooManyRequests || status >= http.StatusInternalServerError
}

func (c *Caller) once(ctx context.Context, request, body []byte) (a Answer, err error) {
	if c.conn == nil {
		if c.conn, err = c.dial(ctx); err != nil {
			return a, err
		}
		conn := c.conn
		c.unset = context.AfterFunc(ctx, func() { _ = conn.Close() }) // ends what waits for an answer
	}
	if err = c.conn.SetDeadline(time.Now().Add(answerTimeMax)); err == nil {
		a, err = c.conn.Do(request, body)
	}
	if err != nil {
		c.Close()
	}
	return a, err
}

func (c *Caller) dial(ctx context.Context) (*Conn, error) {
	if c.Dial != nil {
		return c.Dial(ctx)
	}
	return Dial(ctx, c.Host)
}

// Close gives the connection up; the next request makes a new one.
func (c *Caller) Close() {
	if c.conn != nil {
		c.unset()
		_ = c.conn.Close() // nothing is waited for on it any more
		c.conn = nil
	}
}

// Pause waits, or returns the reason why ctx ended meanwhile.
func Pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Each does count things, any of them at any time, by as many callers as there are, and
// returns the first error. The number is the caller's.
func Each(ctx context.Context, callers []*Caller, count int, do func(ctx context.Context, number int, c *Caller, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var group sync.WaitGroup
	for number, c := range callers {
		group.Go(func() {
			defer c.Close()
			for i := int(next.Add(1)) - 1; i < count && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := do(ctx, number, c, i); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}

// Several returns n callers that are alike.
func Several(n int, like Caller) []*Caller {
	all := make([]*Caller, n)
	for i := range all {
		all[i] = &Caller{Host: like.Host, Dial: like.Dial, Impatient: like.Impatient, Again: like.Again}
	}
	return all
}
