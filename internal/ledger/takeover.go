package ledger

import "time"

const (
	takeoverMin = time.Second
	takeoverMax = 10 * time.Second
	// takeoverCalm is after how long without one a takeover is like the first.
	takeoverCalm = time.Minute
	// refusedAgain is how long a node waits before it leads again after the engine has refused a batch.
	refusedAgain = time.Second
)

// takeover spaces out how often this node takes the place of a leader whose lease has not ended. Two
// nodes that cannot reach each other, but the engine, would take it from each other for ever.
type takeover struct {
	last time.Time
	wait time.Duration
}

// may reports whether the next one may be now, and counts it.
func (t *takeover) may(now time.Time) bool {
	if now.Sub(t.last) < t.wait {
		return false
	}
	t.count(now)
	return true
}

// count counts a takeover, be it by another node.
func (t *takeover) count(now time.Time) {
	if now.Sub(t.last) > takeoverCalm {
		t.wait = takeoverMin
	} else {
		t.wait = min(2*t.wait, takeoverMax)
	}
	t.last = now
}
