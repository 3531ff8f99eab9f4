package rest

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// budget bounds what requests hold at a time of something that is scarce: all of them, and
// those of one caller, so that no caller can hold all.
type budget struct {
	all      int           // the most of all callers
	isShared bool          // a caller may hold half of what others do not hold, and not half of all
	patience time.Duration // how long a request waits for its part
	spent    *meter.Error  // the answer if it does not get it
	own      *meter.Error  // the same, if the caller holds the most itself

	mu      sync.Mutex             // guards what follows
	held    int                    // by all
	by      map[httpkit.Sender]int // those who hold nothing are not in it
	waiting []*claim               // in order of arrival
}

// newBudget returns a budget of which a caller alone may hold half. what is held is named in the
// answers to those who do not get their part.
func newBudget(all int, patience time.Duration, what string, full meter.Kind, code meter.Code) *budget {
	const retryAfter = 5 * time.Second
	refusal := func(kind meter.Kind, code meter.Code, format string) *meter.Error {
		e := meter.Errorf(kind, code, format, what)
		e.RetryAfter = retryAfter
		return e
	}
	return &budget{
		all: all, patience: patience, by: make(map[httpkit.Sender]int),
		spent: refusal(full, code, "as many %s are under way as the api has room for; try again shortly"),
		own:   refusal(meter.KindTooMany, meter.CodeRateLimited, "as many %s are under way as one caller may have"),
	}
}

// claim is a part of a budget that a request waits for.
type claim struct {
	httpkit.Sender

	part    int
	granted chan struct{} // closed once the claim has its part
}

// take takes a part for a request, which gives it back unless there is an error.
func (b *budget) take(r *http.Request, part int) error {
	h := httpkit.SenderOf(r)
	b.mu.Lock()
	if len(b.waiting) == 0 && b.held+part <= b.all && b.leaves(h, part) {
		b.hold(h, part)
		b.mu.Unlock()
		return nil
	}
	c := &claim{h, part, make(chan struct{})}
	b.waiting = append(b.waiting, c)
	b.grant()
	b.mu.Unlock()
	return b.wait(r.Context(), c)
}

// give gives a request's part back.
func (b *budget) give(r *http.Request, part int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hold(httpkit.SenderOf(r), -part)
	b.grant()
}

// hold counts what h holds from now on. b.mu is held.
func (b *budget) hold(h httpkit.Sender, part int) {
	b.held += part
	if b.by[h] += part; b.by[h] == 0 {
		delete(b.by, h)
	}
}

// leaves reports whether h, with another part, leaves as much to others as it may hold. In a shared
// budget whoever holds nothing yet gets its part as long as there is room: there a few callers
// cannot hold all, and many who ask for much get the same each. b.mu is held.
func (b *budget) leaves(h httpkit.Sender, part int) bool {
	holds := b.by[h]
	if b.isShared {
		return holds == 0 || holds+part <= (b.all-b.held+holds)/2
	}
	return holds+part <= b.all/2
}

// grant gives the claims that wait their parts, in order. A caller that holds the most itself
// does not keep up others. b.mu is held.
func (b *budget) grant() {
	room := true
	b.waiting = slices.DeleteFunc(b.waiting, func(c *claim) bool {
		if !room || !b.leaves(c.Sender, c.part) {
			return false
		}
		if room = b.held+c.part <= b.all; room {
			b.hold(c.Sender, c.part)
			close(c.granted)
		}
		return room
	})
}

// wait waits for the part of a claim, and takes the claim back if it does not get it in time.
func (b *budget) wait(ctx context.Context, c *claim) error {
	patience := time.NewTimer(b.patience)
	defer patience.Stop()
	select {
	case <-c.granted:
		return nil
	case <-patience.C:
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.Index(b.waiting, c)
	if i < 0 {
		return nil // it was granted at the last moment
	}
	b.waiting = slices.Delete(b.waiting, i, i+1)
	isOwn := !b.leaves(c.Sender, c.part)
	b.grant() // to those behind it
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case isOwn:
		return b.own
	}
	return b.spent
}
