package ledger

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// works does parts of a millisecond until so much time has passed, while so many entries
// a second come in, and returns how many parts were done.
func works(ctx context.Context, entriesPerSecond uint64, until time.Duration) (parts int) {
	began := time.Now()
	p := pacer{ctx: ctx, entries: func() uint64 { return uint64(time.Since(began).Milliseconds()) * entriesPerSecond / 1000 }}
	for time.Since(began) < until {
		p.step()
		time.Sleep(time.Millisecond) // the work
		parts++
	}
	return parts
}

func TestArchivingGivesWayToReadings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if idle := works(t.Context(), paceBusy/2, 10*time.Second); idle != 10_000 {
			t.Errorf("%d parts were done while little came in, want all 10000", idle)
		}
		if busy := works(t.Context(), paceBusy*2, 10*time.Second); busy < 1000 || busy > 1500 {
			t.Errorf("%d of 10000 parts were done while much came in", busy)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if stopped := works(ctx, paceBusy*2, 10*time.Second); stopped != 10_000 {
			t.Errorf("%d parts were done of a run that is to stop", stopped)
		}
	})
}
