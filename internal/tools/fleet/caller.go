package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"

	"meterledger/internal/meter"
	"meterledger/internal/tools/wire"
)

const (
	answerTimeMax = time.Minute
	pauseFirst    = 50 * time.Millisecond
	pauseMax      = 5 * time.Second
	// patience is how long a request is sent again and again.
	patience = 2 * time.Minute
)

// caller sends requests over one connection, which it makes anew where it breaks.
// It is used by one goroutine.
type caller struct {
	dial  func(context.Context) (*wire.Conn, error)
	again func() // called before a request is sent again
	conn  *wire.Conn
	unset func() bool
}

// errPatience says that a request got no final answer in time.
var errPatience = fmt.Errorf("no final answer within %s", patience)

// do sends a request, and again while the answer is "not now" or none. It comes back
// with a final answer, or with an error: then nobody knows whether it was done.
func (c *caller) do(ctx context.Context, request, body []byte) (wire.Answer, error) {
	pauses := backoff.NewExponentialBackOff() // with jitter: each is up to half longer or shorter
	pauses.InitialInterval, pauses.MaxInterval, pauses.Multiplier = pauseFirst, pauseMax, 2
	var begun time.Time
	for {
		a, err := c.once(ctx, request, body)
		if err == nil && !isPassing(a.Status) {
			return a, nil
		}
		if ctx.Err() != nil {
			return a, context.Cause(ctx)
		}
		if begun.IsZero() {
			begun = time.Now()
		}
		if time.Since(begun) > patience {
			return a, errors.Join(errPatience, err)
		}
		// Whoever was told when to come back does so then or a little later, not all at once.
		if err := pause(ctx, a.RetryAfter+pauses.NextBackOff()); err != nil {
			return a, err
		}
		c.again()
	}
}

// isPassing reports whether the same request may be answered otherwise later.
func isPassing(status int) bool {
	return status == http.StatusTooManyRequests || status >= http.StatusInternalServerError
}

func (c *caller) once(ctx context.Context, request, body []byte) (a wire.Answer, err error) {
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
		c.close()
	}
	return a, err
}

// close gives the connection up.
func (c *caller) close() {
	if c.conn != nil {
		c.unset()
		_ = c.conn.Close() // nothing is waited for on it any more
		c.conn = nil
	}
}

// pause waits, or returns the reason why ctx ended meanwhile.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// problem is the part of an error's answer that meters look at.
type problem struct {
	Code   meter.Code `json:"code"`
	Detail string     `json:"detail"`
}

// problemOf reads an error's answer. One that is no JSON has no code, only a text.
func problemOf(a wire.Answer) problem {
	var p problem
	if err := json.Unmarshal(a.Body, &p); err != nil || p.Code == "" {
		return problem{meter.Code(fmt.Sprintf("status %d", a.Status)), string(a.Body[:min(200, len(a.Body))])}
	}
	return p
}
