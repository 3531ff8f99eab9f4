package ledger

import (
	"testing"
	"testing/synctest"
	"time"

	"meterledger/internal/cluster"
)

// TestWhatEndedProcessesHaveSaidLeadsNoClockAstray: an engine that changes its own leader again and again keeps what they said, and the
// processes after them wait for their names. They would keep the last node from leading.
func TestWhatEndedProcessesHaveSaidLeadsNoClockAstray(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		var ended []cluster.Seen
		for _, name := range []string{"b", "c"} {
			ended = append(ended, cluster.Seen{Status: cluster.Status{Node: led(name, 7).Leader.Node, Clock: time.Now().Add(-2 * skewMax).UnixMilli()}})
		}
		for range 20 {
			w.roster.hear(ended, time.Now())
			if w.roster.isAstray() {
				t.Fatal("two that have said nothing for two minutes are taken for two whose clocks are behind")
			}
			time.Sleep(sayEvery)
		}
		for range 5 {
			for i := range ended {
				ended[i].Clock = time.Now().Add(-2 * skewMax).UnixMilli()
			}
			w.roster.hear(ended, time.Now())
			time.Sleep(sayEvery)
		}
		if !w.roster.isAstray() {
			t.Error("two that say again and again that it is two minutes earlier are not believed")
		}
	})
}
