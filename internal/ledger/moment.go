package ledger

import (
	"sync/atomic"
	"time"
)

// moment is when something happened, or never. How long ago that is does not depend on the clock of the machine, which
// may be set.
type moment struct{ at atomic.Pointer[time.Time] }

func (m *moment) set(at time.Time) { m.at.Store(&at) }

func (m *moment) clear() { m.at.Store(nil) }

// ago returns how long ago it was, and a negative time for never.
func (m *moment) ago() time.Duration {
	if at := m.at.Load(); at != nil {
		return max(0, time.Since(*at))
	}
	return -1
}

// isAfter reports whether it was after another time.
func (m *moment) isAfter(other time.Time) bool {
	at := m.at.Load()
	return at != nil && at.After(other)
}
