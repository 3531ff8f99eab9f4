package httpkit

import (
	"io"
	"sync/atomic"
	"time"
)

const (
	// patienceMax is how long the program waits for a caller that neither sends nor takes anything.
	patienceMax = 30 * time.Second
	// bodyRate is the least rate of a body, in bytes a second: little enough for GPRS.
	bodyRate = 512
	// answerRate is the least rate at which an answer must be taken, in bytes a second.
	answerRate = 4 << 10

	// pieceBytes is how much is written with one deadline.
	pieceBytes = 32 << 10
)

// patience is how long the program still waits for a caller. Waiting uses it up, and each byte
// that moves gives some back: who is slower than a rate comes to its end, however steadily the
// bytes come. What the program itself takes between does not count.
type patience struct {
	rate  int // bytes that give back a second; 0 if none do
	start time.Time
	left  time.Duration
	due   atomic.Int64 // when the deadline ends that is set, in nanoseconds from start
}

// Values of due that are no time.
const (
	dueUnset   = 0
	dueForeign = -1 // it is of others, see lend
)

func newPatience(rate int) patience {
	return patience{rate: rate, start: time.Now(), left: patienceMax}
}

// begin sets the deadline for moving a piece, which begins at the time that is returned. A
// deadline that comes an eighth too soon is left as it is: to set one takes a third of a
// microsecond, and most requests are over long before.
func (p *patience) begin(setDeadline func(time.Time) error) time.Duration {
	began := time.Since(p.start)
	end, due := int64(began+p.left), p.due.Load()
	if due != dueForeign && (due > end || due < end-int64(p.left/8)) && p.due.CompareAndSwap(due, end) {
		_ = setDeadline(p.start.Add(time.Duration(end))) // fails if the connection is closed, and then so does what follows
	}
	return began
}

// end counts what was moved.
func (p *patience) end(began time.Duration, bytes int) {
	p.left -= time.Since(p.start) - began
	if p.rate > 0 {
		p.left = min(patienceMax, p.left+time.Duration(bytes)*time.Second/time.Duration(p.rate))
	}
}

// lend sets a deadline of others, which counts until they lift it with a zero t.
func (p *patience) lend(t time.Time, setDeadline func(time.Time) error) error {
	switch {
	case !t.IsZero():
		p.due.Store(dueForeign)
	case !p.due.CompareAndSwap(dueForeign, dueUnset):
		return nil
	}
	return setDeadline(t)
}

// write writes b in pieces, each with its deadline.
func (p *patience) write(w io.Writer, b []byte, setDeadline func(time.Time) error) (n int, err error) {
	for {
		began := p.begin(setDeadline)
		wrote, err := w.Write(b[n:min(n+pieceBytes, len(b))])
		p.end(began, wrote)
		if n += wrote; err != nil || n == len(b) {
			return n, err
		}
	}
}
