package ledger

import (
	"context"
	"sync"
	"time"

	"meterledger/internal/meter"
)

const (
	// queueBytesMax is how much can wait for the disk. Past it, single readings
	// are answered 503.
	queueBytesMax = 16 << 20
	// bulkBytesMax is how much of that bulk senders can fill before they are slowed
	// down: a single reading may have to wait behind as much.
	bulkBytesMax = 4 << 20
	// requestBytes is what a commit counts for besides its payload: about what the
	// request that waits for it costs.
	requestBytes = 4 << 10
	// queueLength is how many commits fit into the queue, whatever their size.
	queueLength = queueBytesMax / requestBytes
)

// patience says what becomes of a commit if there is no room for it.
type patience struct {
	bytesMax int  // how full the queue may be with it
	wait     bool // for room; else it is refused
}

// The three sorts of callers.
var (
	impatient = patience{queueBytesMax, false} // a meter that can come again
	bulky     = patience{bulkBytesMax, true}   // a sender that can be slowed down
	steady    = patience{queueBytesMax, true}  // the program itself
)

// room is how much of the queue is taken. It is taken before a commit is queued and
// given back when the commit is done, so that queueing never waits.
type room struct {
	mu      sync.Mutex
	taken   int       // bytes; guarded by mu
	waiting []*waiter // in order of arrival; guarded by mu
}

type waiter struct {
	bytes, bytesMax int
	granted         chan struct{}
}

var errOverloaded = meter.Unavailable(meter.CodeOverloaded, time.Second,
	"more readings are waiting for the disk than can be queued; try again shortly")

// take takes room for so many bytes. It gives up when failed is closed.
func (r *room) take(ctx context.Context, bytes int, p patience, failed <-chan struct{}) error {
	r.mu.Lock()
	if fits := r.taken+bytes <= p.bytesMax || r.taken == 0; fits && (len(r.waiting) == 0 || p != bulky) {
		r.taken += bytes
		r.mu.Unlock()
		return nil
	}
	if !p.wait {
		r.mu.Unlock()
		return errOverloaded
	}
	w := &waiter{bytes, p.bytesMax, make(chan struct{})}
	r.waiting = append(r.waiting, w)
	r.mu.Unlock()
	select {
	case <-w.granted:
		return nil
	case <-failed: // nobody takes anything any more
		return errOverloaded
	case <-ctx.Done():
		r.leave(w)
		return ctx.Err()
	}
}

// leave takes a waiter out of the row, or gives back what it was granted meanwhile.
func (r *room) leave(w *waiter) {
	r.mu.Lock()
	for i := range r.waiting {
		if r.waiting[i] == w {
			r.waiting = append(r.waiting[:i], r.waiting[i+1:]...)
			r.mu.Unlock()
			r.give(0) // the next one may need less
			return
		}
	}
	r.mu.Unlock()
	r.give(w.bytes)
}

// give gives room back.
func (r *room) give(bytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken -= bytes
	for len(r.waiting) > 0 {
		next := r.waiting[0]
		if r.taken+next.bytes > next.bytesMax && r.taken > 0 {
			return
		}
		r.taken += next.bytes
		r.waiting = r.waiting[1:]
		close(next.granted)
	}
}
