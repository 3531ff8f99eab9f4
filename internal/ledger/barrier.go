package ledger

import (
	"context"
	"sync"

	"meterledger/internal/cluster"
	"meterledger/internal/mutant"
)

// barrier makes sure that all that was acknowledged anywhere is applied here. One question to the
// engine serves all who came before it was sent.
type barrier struct {
	view    func(context.Context) (cluster.View, error)
	applied *mark

	mu      sync.Mutex // guards all below
	asking  bool
	waiting *question // for those who come now: the next one
}

// question is one question to the engine, for many.
type question struct {
	answered chan struct{}
	head     uint64
	err      error
}

// confirm returns once everything is applied that was acknowledged before the call.
func (b *barrier) confirm(ctx context.Context) error {
	ctx, done := context.WithTimeout(ctx, confirmMax)
	defer done()
	q := b.join()
	select {
	case <-q.answered:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if q.err != nil {
		return q.err
	}
	return b.applied.wait(ctx, q.head)
}

// join waits with others for the next question.
func (b *barrier) join() *question {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting == nil {
		b.waiting = &question{answered: make(chan struct{})}
	}
	if !b.asking {
		b.asking = true
		go b.ask()
	}
	return b.waiting
}

// head asks the engine for its head, again if it does not answer, as long as somebody may wait for it.
func (b *barrier) head() (sequence uint64, err error) {
	ctx, done := context.WithTimeout(context.Background(), confirmMax)
	defer done()
	for {
		once, done := context.WithTimeout(ctx, viewTry)
		v, err := b.view(once)
		if done(); err == nil || ctx.Err() != nil {
			return max(v.Head.Sequence, v.Halted), err // what the engine has lost was acknowledged too
		}
		pause(ctx, tailAgain)
	}
}

// ask asks until nobody waits any more.
func (b *barrier) ask() {
	for {
		b.mu.Lock()
		q := b.waiting
		if b.asking = q != nil; !mutant.BarrierSharedLate {
			b.waiting = nil
		}
		b.mu.Unlock()
		if q == nil {
			return
		}
		q.head, q.err = b.head()
		if mutant.BarrierSharedLate {
			b.mu.Lock()
			b.waiting = nil
			b.mu.Unlock()
		}
		close(q.answered)
	}
}
