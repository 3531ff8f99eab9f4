package ledger

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"meterledger/internal/cluster"
	"meterledger/internal/clustertest"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// kindSomeLimits is the first byte of an entry that older programs do not know.
const kindSomeLimits = 35

// hasSomeLimits reports whether an entry of that kind stands in the order, as the only one of a batch.
func (s *trio) hasSomeLimits() bool {
	s.t.Helper()
	at, batches := s.engine.Order()
	for _, batch := range batches {
		payload, err := at.Follow(batch)
		if err != nil {
			s.t.Fatal(err)
		}
		at = at.After(batch)
		if _, rest, ok := store.ReadContents(payload); ok && len(rest) > 0 && rest[0] == kindSomeLimits {
			return true
		}
	}
	return false
}

// raises has entries written until all nodes judge by the rules of a level.
func (s *trio) raises(level store.Level) {
	s.t.Helper()
	for n, m := range s.members {
		for try := 0; m.store.Level() < level; try++ {
			if try == 60 {
				s.t.Errorf("after a minute member %d judges by level %d", n, m.store.Level())
				return
			}
			s.mustRegister(0, meter.ID(fmt.Sprint("L", n, "-", try)))
			time.Sleep(max(witnessEvery, sayEvery)) // of the bubble
		}
	}
}

// TestLimitsThatTwoNodesChangeAtOnceAreBothThere changes one limit at one node and the other at another.
func TestLimitsThatTwoNodesChangeAtOnceAreBothThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openTrio(t)
		s.mustRegister(0, "M")
		s.raises(store.LevelFields)
		for n := range 20 {
			over, power := kWh(int64(1000+n)), meter.Power(kWh(int64(10+n)))
			var changes sync.WaitGroup
			for i, some := range []meter.SomeLimits{{RollsOverAt: &over}, {MaxKW: &power}} {
				changes.Go(func() {
					if err := s.members[i+1].ChangeLimits(t.Context(), "M", some, "Lim"); err != nil {
						t.Error(err)
					}
				})
			}
			changes.Wait()
			for _, m := range s.members {
				if err := m.Confirm(t.Context()); err != nil {
					t.Fatal(err)
				}
				if _, got := m.store.Life(0); got != (meter.Limits{RollsOverAt: over, MaxKW: power}) {
					t.Errorf("the limits are %+v, want %v and %v", got, over, power)
				}
			}
		}
		if !s.hasSomeLimits() {
			t.Error("no batch has an entry of some limits alone: the next test looks for none in vain")
		}
		s.end()
	})
}

// TestWhileANodeIsOlderLimitsAreWrittenAsItKnowsThem has a node that does not know entries of some limits.
func TestWhileANodeIsOlderLimitsAreWrittenAsItKnowsThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var isOld atomic.Bool
		isOld.Store(true)
		s := openTrio(t, only("c", func(c *clustertest.Client) cluster.Engine { return aged{c, &isOld} }))
		time.Sleep(2 * sayEvery) // until it was heard of
		s.mustRegister(0, "M")
		over, power := kWh(1000), meter.Power(kWh(10))
		for n, some := range []meter.SomeLimits{{RollsOverAt: &over}, {MaxKW: &power}} {
			if err := s.members[n].ChangeLimits(t.Context(), "M", some, "Lim"); err != nil {
				t.Error(err)
			}
		}
		if _, got := s.members[1].store.Life(0); got != (meter.Limits{RollsOverAt: over, MaxKW: power}) || s.hasSomeLimits() {
			t.Errorf("the limits are %+v, by an entry that one node does not know: %v", got, s.hasSomeLimits())
		}
		isOld.Store(false)
		s.raises(store.LevelFields)
		if over = kWh(2000); s.members[1].ChangeLimits(t.Context(), "M", meter.SomeLimits{RollsOverAt: &over}, "Lim") != nil || !s.hasSomeLimits() {
			t.Error("the entry is not used once all know it")
		}
		s.end()
	})
}
