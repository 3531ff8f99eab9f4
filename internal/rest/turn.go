package rest

import (
	"context"
	"io"
	"runtime"

	"meterledger/internal/pace"
)

// turns are the right to work on bulk bodies, held by few at a time: a processor is left to
// whoever asks a question or sends one reading. While its goroutines are always ready, neither
// Go nor the kernel runs anything else in time.
type turns chan struct{}

func newTurns() turns { return make(turns, max(1, runtime.GOMAXPROCS(0)/2)) }

// turnRows is how many rows a body may have worked on in a turn: a few milliseconds, if all are
// refused.
const turnRows = 1024

// turn is a body's part in turns. It is for one goroutine. Those who wait get theirs in the
// order of arrival.
type turn struct {
	turns turns
	ctx   context.Context // of the caller, with whom the work ends
	has   bool
	rows  int // since the turn has begun
}

// row is called for each row. Its error, like that of begin and pass, is the caller's context's.
func (t *turn) row() error { return t.take(1) }

// take is row for several.
func (t *turn) take(rows int) error {
	if t.rows += rows; t.rows < turnRows {
		return nil
	}
	return t.pass()
}

// pass lets those who wait go first.
func (t *turn) pass() error {
	t.end()
	return t.begin()
}

func (t *turn) begin() error {
	if err := t.rest(); err != nil {
		return err
	}
	if err := t.ctx.Err(); err != nil {
		return err
	}
	select {
	case t.turns <- struct{}{}:
		t.has = true
		return nil
	case <-t.ctx.Done():
		return t.ctx.Err()
	}
}

func (t *turn) end() {
	if t.has {
		<-t.turns
		t.has = false
	}
}

// rest waits if the caller has sent more rows than it may in the time.
func (t *turn) rest() error {
	rows := t.rows
	t.rows = 0
	return pace.Rows(t.ctx, rows)
}

// arrival reads what a caller sends. The turn goes to others while nothing arrives.
type arrival struct {
	in   io.Reader
	turn *turn
}

func (a arrival) Read(p []byte) (int, error) {
	a.turn.end()
	n, err := a.in.Read(p)
	if err != nil {
		return n, err // nearly all is done, and who cuts a body off is told so
	}
	return n, a.turn.begin()
}
