package ledger

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// pace is how work gives way to others while there is a rush: it is done for a
// moment and then pauses.
type pace struct{ work, pause time.Duration }

var (
	// archivingPace leaves nine tenths of the machine to reception: a meter waits for its
	// answer, nobody waits for an archive.
	archivingPace = pace{2 * time.Millisecond, 18 * time.Millisecond}
	// bulkPace interrupts a Bulk after each of its submissions. While its goroutines are
	// always ready, neither Go nor the kernel runs a household's request in time.
	bulkPace = pace{100 * time.Microsecond, 100 * time.Microsecond}
)

const (
	// rushLook is how often the count is looked at, and rushMin how many a second are
	// worth pausing for: below, the machine can do both.
	rushLook = 50 * time.Millisecond
	rushMin  = 500
)

// rush tells whether much of something comes in. Any number of goroutines may ask it.
type rush struct {
	count *atomic.Uint64 // of what came in so far
	min   float64        // how many a second are not yet one

	mu     sync.Mutex
	looked time.Time
	seen   uint64
	on     bool
}

func (r *rush) isOn(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	since := now.Sub(r.looked)
	if since < rushLook {
		return r.on
	}
	count := r.count.Load()
	r.on = float64(count-r.seen) > r.min*since.Seconds()
	r.looked, r.seen = now, count
	return r.on
}

// IsAsked reports whether any question or single reading came in lately. Any number of
// goroutines may call it.
func (l *Ledger) IsAsked() bool { return l.callers.isOn(time.Now()) }

// pacer makes one goroutine's work give way to a rush.
type pacer struct {
	ctx  context.Context
	pace pace
	rush *rush

	working time.Time // since
}

// Pace returns a function that makes a run of maintenance give way to readings that come
// in. The run calls it between small parts of its work.
func (l *Ledger) Pace(ctx context.Context) (step func()) {
	p := &pacer{ctx: ctx, pace: archivingPace, rush: &rush{count: &l.committer.entries, min: rushMin}}
	return p.step
}

// step is called between small parts of the work.
func (p *pacer) step() {
	now := time.Now()
	if !p.rush.isOn(now) {
		p.working = now
		return
	}
	if now.Sub(p.working) < p.pace.work {
		return
	}
	pause := time.NewTimer(p.pace.pause)
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-p.ctx.Done():
	}
	p.working = time.Now()
}
