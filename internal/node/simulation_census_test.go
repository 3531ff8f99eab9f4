package node_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// event is something that befalls nodes in the simulation. How often each one does is counted: a simulation in
// which it does not happen any more proves nothing about it.
type event string

const (
	taken        event = "asked and done"
	refusedEvent event = "asked and refused for good"
	putOff       event = "asked and put off"
	unanswered   event = "asked of a process that was killed meanwhile"

	killedEvent  event = "a process is killed"
	stoppedEvent event = "a process is stopped"
	wipedEvent   event = "a disk is lost"
	skewedEvent  event = "a process starts with a clock a quarter of a minute off"
	nameKept     event = "the engine keeps the name of a process that has ended for long"
	diskFull     event = "a node refuses since its disk is full"
	engineFull   event = "the engine refuses a batch for want of room"

	led           event = "a node leads"
	regained      event = "a process leads in another term again"
	takenOver     event = "a term is taken from a leader that is gone"
	addedUnheard  event = "a batch was added by a try without an answer"
	addedTooLate  event = "a batch is refused since its term is over"
	postElsewhere event = "a proposal comes where its term is not led"
	postOfOther   event = "a proposal of another term comes to a leader"

	cutDone   event = "the engine drops batches"
	cutMet    event = "a tail meets what was cut"
	caughtUp  event = "a peer hands out batches"
	snapshots event = "a peer hands out a snapshot"
	leftBack  event = "a node ends since it lies too far behind"

	runEnded   event = "a run ends well"
	runOver    event = "a run is cut off by the end of its term"
	lateRename event = "a file is to take its place when its term is over"
	lateWrite  event = "a run that is over writes under its hold while another one stands"
	heldBack   event = "a reading is held back by a run"

	rolledBack  event = "the engine is rolled back"
	laggardMet  event = "a node that was behind meets an engine that was rolled back"
	healedEvent event = "an engine is healed"

	shutEvent    event = "reception is shut down"
	resumedEvent event = "reception is resumed"
	shutOut      event = "a reading is refused since reception is shut down"
	revokedEvent event = "a credential is revoked"
	shownLive    event = "a credential counts"
	shownDead    event = "a credential counts no more, or not yet"
	ownerEvent   event = "an owner is set"
)

// least is how often each event happens at least in a usual run: a third of what is seen, or less where that depends on
// how nodes go about it.
var least = map[event]int{
	taken: 30000, refusedEvent: 40000, putOff: 1500, unanswered: 700,
	killedEvent: 300, stoppedEvent: 350, wipedEvent: 60, skewedEvent: 350, nameKept: 10, diskFull: 300, engineFull: 30,
	led: 500, regained: 120, takenOver: 120, addedUnheard: 60, addedTooLate: 120, postElsewhere: 400, postOfOther: 70,
	cutDone: 500, cutMet: 50, caughtUp: 2000, snapshots: 30,
	runEnded: 500, runOver: 50, lateRename: 8, lateWrite: 30, heldBack: 150,
	rolledBack: 15, laggardMet: 15, healedEvent: 15,
	shutEvent: 90, resumedEvent: 90, shutOut: 5000,
	revokedEvent: 20, shownLive: 500, shownDead: 700, ownerEvent: 300,
}

// census counts events.
type census struct {
	failed atomic.Bool // a run has
	mu     sync.Mutex  // guards counts
	counts map[event]int
}

func (c *census) saw(e event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[e]++
}

// check prints what was counted, and fails the test if the runs of so many seeds have met too little.
func (c *census) check(t *testing.T, seeds uint64) {
	var text strings.Builder
	for _, e := range slices.Sorted(maps.Keys(c.counts)) {
		fmt.Fprintf(&text, "\n%8d  %s", c.counts[e], e)
	}
	t.Logf("in %d runs:%s", seeds, text.String())
	for e, n := range least {
		if seeds >= seedsUsual && c.counts[e] < n {
			t.Errorf("%q happens %d times in %d runs, at least %d times are wanted: what is done to the nodes has become too weak", e, c.counts[e], seeds, n)
		}
	}
}
