package ledger

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

const (
	// clockBehindMax is how far the clock may lie behind what was written.
	clockBehindMax = 5 * 60 // seconds
	// stampEvery is how often the time of writing is written down while anything is.
	stampEvery = 10 * time.Second
)

// errClockBehind is the answer to readings and registrations while the clock cannot be right:
// by such a clock right readings would lie in the future, and meters would drop them.
var errClockBehind = meter.Unavailable(meter.CodeNotReady, time.Minute,
	"the clock of this machine lies behind what it has written: readings and registrations are taken again once it is right, "+
		"or once an operator trusts it (POST /resume with clock=trust)").Because(meter.ReasonClockBehind)

// clock compares the machine's clock with the newest writing.
type clock struct {
	now      func() time.Time
	log      *slog.Logger
	newest   atomic.Int64 // when something was written, Unix seconds
	wrong    atomic.Bool  // found last
	stamped  time.Time    // in the journal; used by the sender of batches alone
	isShared bool         // the node that leads writes the time for all
}

// isBehind is the gate of a wrong clock. It logs when that changes.
func (c *clock) isBehind() bool {
	now, newest := c.now(), c.newest.Load()
	behind := newest-now.Unix() > clockBehindMax
	if behind == c.wrong.Load() || c.wrong.Swap(behind) == behind {
		return behind
	}
	if behind {
		c.log.Error("the clock lies behind what was written: readings and registrations are refused until it is right, or until POST /resume with clock=trust",
			"clock", now, "written", time.Unix(newest, 0))
	} else {
		c.log.Info("the clock is right again: readings and registrations are taken", "clock", now)
	}
	return behind
}

// stamp adds the time of writing to a batch now and then.
func (c *clock) stamp(g *gathered) {
	now := c.now()
	if now.Unix() > c.newest.Load() {
		c.newest.Store(now.Unix())
	}
	if c.isShared || now.Sub(c.stamped).Abs() < stampEvery {
		return
	}
	c.stamped = now
	g.payload = store.AppendWriting(g.payload, now, false)
	g.entries++
}

// ResumeTrusting is Resume by an operator who says that the clock is right, also if what was
// written lies ahead of it.
func (l *Ledger) ResumeTrusting(ctx context.Context) error {
	if !l.clock.isBehind() {
		return l.Resume(ctx)
	}
	now := l.now()
	if _, err := l.put(ctx, &commit{payload: store.AppendWriting(nil, now, true), entries: 1, deferred: true}, steady); err != nil {
		return err
	}
	l.clock.newest.Store(now.Unix())
	l.log.Warn("an operator trusts the clock", "clock", now)
	if l.store.Receiving() {
		return nil
	}
	return l.Resume(ctx)
}
