package caller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"meterledger/internal/meter"
	"meterledger/internal/tools/witness"
)

const (
	answerTimeMax = time.Minute
	pauseFirst    = 50 * time.Millisecond
	pauseMax      = 5 * time.Second
	nextMax       = time.Second / 2 // until the next of several hosts is asked
)

// Patience is how long a meter sends the same again and again.
const Patience = 2 * time.Minute

// ErrPatience says that a request got no final answer in time.
var ErrPatience = errors.New("no final answer in time")

// Caller sends requests over one connection, which it renews when it breaks. One goroutine uses it.
type Caller struct {
	Host      string                               // host:port
	Header    string                               // further lines of the header of each request, each with its end
	Dial      func(context.Context) (*Conn, error) // nil dials Host
	Impatient bool                                 // never sends a request again
	Again     func()                               // called before a request is sent again; may be nil
	// Next picks the host of every further try, which then comes soon. What a body leaves over is sent again
	// too, as a part of the whole. Nil: Host is asked again when it has said.
	Next      func() string
	Patience  time.Duration // 0 is Patience
	AnswerMax time.Duration // how long an answer may take; 0 is a minute

	conn    *Conn
	unset   func() bool
	request []byte
}

// Do repeats a request until its answer is final. After an error nobody knows whether it was done.
func (c *Caller) Do(ctx context.Context, request, body []byte) (Answer, error) {
	pauses := backoff.NewExponentialBackOff() // with jitter: each is up to half longer or shorter
	pauses.InitialInterval, pauses.MaxInterval, pauses.Multiplier = pauseFirst, pauseMax, 2
	if c.Next != nil {
		pauses.MaxInterval = nextMax
	}
	var begun time.Time
	for {
		a, err := c.once(ctx, request, body)
		switch {
		case c.Impatient, err == nil && !c.mayChange(a):
			return a, err
		case ctx.Err() != nil:
			return a, context.Cause(ctx)
		case begun.IsZero():
			begun = time.Now()
		case time.Since(begun) > cmp.Or(c.Patience, Patience):
			if err == nil {
				err = errors.New(a.String())
			}
			return a, errors.Join(ErrPatience, err)
		}
		if c.Next != nil {
			a.RetryAfter = 0 // of the one before
			c.Close()
			c.Host = c.Next()
		}
		// Jitter spreads the callers that were told the same time to come back.
		if err := Pause(ctx, a.RetryAfter+pauses.NextBackOff()); err != nil {
			return a, err
		}
		c.again()
	}
}

// mayChange reports whether the same request may be answered otherwise later.
func (c *Caller) mayChange(a Answer) bool {
	if c.Next != nil {
		return a.Status == http.StatusServiceUnavailable || a.Status == http.StatusTooManyRequests
	}
	return a.isPassing()
}

func (c *Caller) again() {
	if c.Again != nil {
		c.Again()
	}
}

func (c *Caller) once(ctx context.Context, request, body []byte) (a Answer, err error) {
	if c.conn == nil {
		if c.Dial == nil {
			c.Dial = func(ctx context.Context) (*Conn, error) { return Dial(ctx, c.Host) }
		}
		if c.conn, err = c.Dial(ctx); err != nil {
			return a, err
		}
		conn := c.conn
		c.unset = context.AfterFunc(ctx, func() { _ = conn.Close() }) // ends what waits for an answer
	}
	if err = c.conn.SetDeadline(time.Now().Add(cmp.Or(c.AnswerMax, answerTimeMax))); err == nil {
		a, err = c.conn.Do(request, body)
	}
	if err != nil {
		c.Close()
	}
	return a, err
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

// Each does count things with all callers at once, and returns the first error. The number is the caller's.
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
		all[i] = new(like)
	}
	return all
}

// Get asks path with some parameters.
func (c *Caller) Get(ctx context.Context, path string, query url.Values) (Answer, error) {
	return c.send(ctx, http.MethodGet, path+"?"+query.Encode(), "", nil)
}

// Fetch asks path for what to is read from. It is not known if nothing is there, a 404.
func (c *Caller) Fetch(ctx context.Context, path string, query url.Values, to any) (known bool, err error) {
	a, err := c.Get(ctx, path, query)
	if err != nil || a.Status == http.StatusNotFound {
		return false, err
	}
	return true, a.Into("asking "+path, to)
}

// Post sends its parameters in the query string, as the original clients do.
func (c *Caller) Post(ctx context.Context, path string, query url.Values) (Answer, error) {
	return c.send(ctx, http.MethodPost, path+"?"+query.Encode(), "", nil)
}

// Patch sends its parameters in the query string too.
func (c *Caller) Patch(ctx context.Context, path string, query url.Values) (Answer, error) {
	return c.send(ctx, http.MethodPatch, path+"?"+query.Encode(), "", nil)
}

// PostBody sends a body.
func (c *Caller) PostBody(ctx context.Context, path, contentType string, body []byte) (Answer, error) {
	return c.send(ctx, http.MethodPost, path, "Content-Type: "+contentType+"\r\n", body)
}

func (c *Caller) send(ctx context.Context, method, target, header string, body []byte) (Answer, error) {
	c.request = fmt.Appendf(c.request[:0], "%s %s HTTP/1.1\r\nHost: %s\r\n%s%sContent-Length: %d\r\n\r\n", method, target, c.Host, c.Header, header, len(body))
	return c.Do(ctx, c.request, body)
}

// Register registers a meter.
func (c *Caller) Register(ctx context.Context, id meter.ID, owner, address string) (Answer, error) {
	return c.Post(ctx, "/register_account", url.Values{"meter_id": {string(id)}, "owner_name": {owner}, "address": {address}})
}

// Record posts one reading by itself.
func (c *Caller) Record(ctx context.Context, r witness.Reading) (Answer, error) {
	return c.Post(ctx, "/receive_meter_reading", url.Values{"meter_id": {string(r.Meter)}, "timestamp": {r.Stamp}, "reading": {r.Register}})
}

// Readings returns what the api has of a meter in a span; known is false for an unregistered meter.
func (c *Caller) Readings(ctx context.Context, id meter.ID, span witness.Span) (found []witness.Reading, known bool, err error) {
	a, err := c.Get(ctx, "/get_readings", url.Values{"meter_id": {string(id)}, "start": {span.From}, "end": {span.To}, "format": {"csv"}})
	switch {
	case err != nil:
		return nil, false, err
	case a.Code() == meter.CodeMeterNotFound:
		return nil, false, nil
	case !a.OK():
		return nil, false, fmt.Errorf("asking for the readings of %s: %s", id, a)
	}
	found, err = witness.ReadCSV(a.Body)
	return found, true, err
}
