package ledger

import "time"

const (
	takeoverMin = time.Second
	takeoverMax = 10 * time.Second
	// takeoverCalm is after how long without one a takeover is like the first.
	takeoverCalm = time.Minute
)

// takeover spaces out how often this node takes the place of a leader whose lease has not ended. Two
// nodes that cannot reach each other, but the engine, would take it from each other for ever.
type takeover struct {
	last time.Time
	wait time.Duration
}

// may reports whether the next one may be now, and counts it.
func (t *takeover) may(now time.Time) bool {
	switch since := now.Sub(t.last); {
	case since < t.wait:
		return false
	case since > takeoverCalm:
		t.wait = takeoverMin
	default:
		t.wait = min(2*t.wait, takeoverMax)
	}
	t.last = now
	return true
}
