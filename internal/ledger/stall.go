package ledger

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"meterledger/internal/meter"
)

// errDiskSlow is the answer to readings and registrations that would only wait behind a
// batch which the disk does not store.
var errDiskSlow = meter.Unavailable(meter.CodeDiskSlow, 5*time.Second,
	"the disk does not answer: readings and registrations are taken again as soon as it does").Because(meter.ReasonDiskSlow)

// stall tells when the disk does not store the batch that is under way, which is the oldest
// that waits.
type stall struct {
	max  time.Duration // that a batch may take; 0 for any
	log  *slog.Logger
	slow atomic.Bool

	mu    sync.Mutex // guards all below
	began time.Time  // the batch under way; zero if there is none
	timer *time.Timer
}

// begin says that a batch is under way until end is called.
func (s *stall) begin() {
	if s.max == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.began = time.Now()
	if s.timer == nil {
		s.timer = time.AfterFunc(s.max, s.late)
	} else {
		s.timer.Reset(s.max)
	}
}

func (s *stall) end() {
	if s.max == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer.Stop()
	if s.slow.Swap(false) {
		s.log.Info("the disk answers again: readings and registrations are taken", "waited", time.Since(s.began).Round(time.Millisecond))
	}
	s.began = time.Time{}
}

// late is called when a batch has taken too long, or just then came to its end.
func (s *stall) late() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.began.IsZero() || time.Since(s.began) < s.max {
		return
	}
	s.slow.Store(true)
	s.log.Error("the disk does not store a batch: readings and registrations are refused until it does", "waited", s.max)
}
