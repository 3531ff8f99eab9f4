package ledger

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// works does parts of a millisecond until so much time has passed, while so many of
// others' requests a second come in, and returns how many parts were done.
func works(ctx context.Context, pace pace, perSecond uint64, until time.Duration) (parts int) {
	began := time.Now()
	var count atomic.Uint64
	p := pacer{ctx: ctx, pace: pace, rush: &rush{count: &count, min: rushMin}}
	for time.Since(began) < until {
		count.Store(uint64(time.Since(began).Milliseconds()) * perSecond / 1000)
		p.step()
		time.Sleep(time.Millisecond) // the work
		parts++
	}
	return parts
}

func TestARunLearnsOfTheFirstQuestionAndForgetsTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := new(Ledger)
		l.callers.count = &l.asked
		for n, asks := range []bool{false, true, true, false, false, true} {
			if asks {
				l.Asked()
			}
			time.Sleep(rushLook)
			if got := l.IsAsked(); got != asks {
				t.Errorf("%d: that somebody asks is %v, want %v", n, got, asks)
			}
		}
	})
}

func TestWorkGivesWayToARush(t *testing.T) {
	for name, c := range map[string]struct {
		pace        pace
		least, most int // of 10,000 parts, in a rush
	}{
		"archiving": {archivingPace, 900, 1200},
		"bulk":      {bulkPace, 9000, 9200},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if idle := works(t.Context(), c.pace, rushMin/2, 10*time.Second); idle != 10_000 {
					t.Errorf("%d parts were done while little came in, want all 10000", idle)
				}
				if busy := works(t.Context(), c.pace, rushMin*2, 10*time.Second); busy < c.least || busy > c.most {
					t.Errorf("%d of 10000 parts were done while much came in, want %d to %d", busy, c.least, c.most)
				}
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				if stopped := works(ctx, c.pace, rushMin*2, 10*time.Second); stopped != 10_000 {
					t.Errorf("%d parts were done of a run that is to stop", stopped)
				}
			})
		})
	}
}
