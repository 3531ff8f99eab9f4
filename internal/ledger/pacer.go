package ledger

import (
	"context"
	"time"
)

// While readings come in, archiving leaves most of the machine to them: it works for
// a moment and pauses for seven. Nobody waits for an archive as a meter waits for
// its answer.
const (
	paceWork  = 2 * time.Millisecond
	pacePause = 7 * paceWork
	// paceLook is how often is looked at what comes in, and paceBusy how many entries a
	// second are worth giving way to: below, both have room.
	paceLook = 50 * time.Millisecond
	paceBusy = 500
)

// pacer makes a run give way to reception.
type pacer struct {
	ctx     context.Context
	entries func() uint64 // written to the journal so far

	working time.Time // since
	looked  time.Time
	seen    uint64 // entries when it was looked
	busy    bool
}

// step is called between small parts of the work.
func (p *pacer) step() {
	now := time.Now()
	if p.looked.IsZero() {
		p.looked, p.working, p.seen = now, now, p.entries()
	}
	if since := now.Sub(p.looked); since >= paceLook {
		entries := p.entries()
		p.busy = float64(entries-p.seen) > paceBusy*since.Seconds()
		p.looked, p.seen = now, entries
	}
	if !p.busy {
		p.working = now
		return
	}
	if now.Sub(p.working) < paceWork {
		return
	}
	pause := time.NewTimer(pacePause)
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-p.ctx.Done():
	}
	p.working = time.Now()
}
