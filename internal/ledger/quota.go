package ledger

import (
	"context"
	"slices"
	"sync"
	"time"

	"meterledger/internal/meter"
)

const (
	// queueBytesMax is how much can wait for the disk. Beyond it, single readings
	// are answered 503.
	queueBytesMax = 16 << 20
	// bulkBytesMax is how much of that bulk senders can fill before they are slowed
	// down: a single reading may have to wait for as much to be written.
	bulkBytesMax = 4 << 20
	// requestBytes is what a commit counts for besides its payload: about the memory
	// of the request that waits for it.
	requestBytes = 4 << 10
	// queueLength is how many commits fit into the queue, whatever their size.
	queueLength = queueBytesMax / requestBytes
)

// patience says what happens to a commit if the quota is used up.
type patience struct {
	bytesMax int  // how full the queue may be with it
	wait     bool // for others to give back; else it is refused
}

// The three sorts of callers.
var (
	impatient = patience{queueBytesMax, false} // a meter that can come again
	bulky     = patience{bulkBytesMax, true}   // a sender that can be slowed down
	steady    = patience{queueBytesMax, true}  // the program itself
)

// quota is how much of the queue is taken. A caller takes its part before it queues a
// commit, and the part is given back when the commit is done, so that queueing never
// waits.
type quota struct {
	waitMax time.Duration // how long a caller waits at most; 0 is as long as it takes

	mu      sync.Mutex
	taken   int       // bytes; guarded by mu
	waiting []*waiter // in order of arrival; guarded by mu
}

type waiter struct {
	bytes, bytesMax int
	granted         chan struct{} // closed once bytes were taken for it
}

var errOverloaded = meter.Unavailable(meter.CodeOverloaded, time.Second,
	"more readings are waiting for the disk than can be queued; try again shortly")

// take takes so many bytes. It gives up when failed is closed, and after waitMax with errNoQuorum.
func (q *quota) take(ctx context.Context, bytes int, p patience, failed <-chan struct{}) error {
	q.mu.Lock()
	if fits := q.taken+bytes <= p.bytesMax || q.taken == 0; fits && (len(q.waiting) == 0 || p != bulky) {
		q.taken += bytes
		q.mu.Unlock()
		return nil
	}
	if !p.wait {
		q.mu.Unlock()
		return errOverloaded
	}
	w := &waiter{bytes, p.bytesMax, make(chan struct{})}
	q.waiting = append(q.waiting, w)
	q.mu.Unlock()
	var late <-chan time.Time
	if q.waitMax > 0 {
		late = time.After(q.waitMax)
	}
	select {
	case <-w.granted:
		return nil
	case <-failed: // nobody takes anything any more
		return errOverloaded
	case <-late:
		q.leave(w)
		return errNoQuorum
	case <-ctx.Done():
		q.leave(w)
		return ctx.Err()
	}
}

// isFull reports whether a single reading would be refused now.
func (q *quota) isFull() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.taken+requestBytes > impatient.bytesMax
}

// leave removes a waiter, or gives back what it was granted meanwhile.
func (q *quota) leave(w *waiter) {
	q.mu.Lock()
	i := slices.Index(q.waiting, w)
	if i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
		w.bytes = 0
	}
	q.mu.Unlock()
	q.give(w.bytes) // of none too: the next one may need less than w did
}

// give gives bytes back, and grants them to those who wait.
func (q *quota) give(bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taken -= bytes
	for len(q.waiting) > 0 {
		next := q.waiting[0]
		if q.taken+next.bytes > next.bytesMax && q.taken > 0 {
			return
		}
		q.taken += next.bytes
		q.waiting = q.waiting[1:]
		close(next.granted)
	}
}
