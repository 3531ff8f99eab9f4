package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"
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

// only changes the engine of one node.
func only(name string, change func(*clustertest.Client) cluster.Engine) func(*Options) {
	return func(o *Options) {
		if o.Shared.Self.Name == name {
			o.Shared.Engine = change(o.Shared.Engine.(*clustertest.Client))
		}
	}
}

// link sets the connections of nodes to the engine.
func (s *trio) link(l clustertest.Link, nodes ...int) {
	for _, n := range nodes {
		s.members[n].engine.Set(clustertest.Faults{Link: l})
	}
}

// view is what the engine holds.
func (s *trio) view() cluster.View {
	s.t.Helper()
	v, err := s.engine.Client("test").View(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

// revision is how often the engine has changed.
func (s *trio) revision() cluster.Revision {
	s.t.Helper()
	_, r, err := s.engine.Client("test").Identity(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// terms returns how often each node has begun to lead, by its place.
func (s *trio) terms() (begun []int) {
	s.t.Helper()
	begun = make([]int, len(s.members))
	at, batches := s.engine.Order()
	for _, batch := range batches {
		payload, err := at.Follow(batch)
		if err != nil {
			s.t.Fatal(err)
		}
		at = at.After(batch)
		if term, isTerm := store.ReadTerm(payload); isTerm {
			for n := range s.members {
				if term.Incarnation == s.members[n].shared.self.Incarnation {
					begun[n]++
				}
			}
		}
	}
	return begun
}

// TestAnEngineThatHasLostWhatANodeHasIsHaltedUntilItIsHealed brings the engine back from an older copy.
func TestAnEngineThatHasLostWhatANodeHasIsHaltedUntilItIsHealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openTrio(t)
		s.mustRegister(0, "M")
		then := s.view().Head.Sequence
		for i := range 5 {
			s.mustRegister(i%3, meter.ID(fmt.Sprint("N", i)))
		}
		time.Sleep(2 * sayEvery)
		head := s.view().Head.Sequence
		begin, batches := s.engine.Order()
		if err := s.engine.RollBack(then); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * lookEvery)
		if v := s.view(); v.Halted != head || v.Leader.Term != 0 {
			t.Errorf("nodes have copied batch %d, and the engine holds %+v", head, v)
		}
		for n := range 3 {
			if err := s.register(n, "O"); meter.CodeOf(err) != meter.CodeNotReady {
				t.Errorf("a node answers %v", err)
			}
		}
		at, client := s.view().Head, s.engine.Client("test")
		for _, batch := range batches[then-begin.Sequence : head-begin.Sequence] {
			if added, _, err := client.Mend(t.Context(), at, batch); err != nil || !added {
				t.Fatal(added, err)
			}
			at = at.After(batch)
		}
		s.mustRegister(2, "O")
		s.end()
	})
}

// TestALeaderAsksThoseThatTheEngineHasForgotten lets the engine lose batches that two nodes have, while these cannot
// reach it, and a third one did not get to know the batches.
func TestALeaderAsksThoseThatTheEngineHasForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openTrio(t)
		s.mustRegister(2, "M")
		time.Sleep(2 * sayEvery)
		s.link(clustertest.Drops, 2)
		then := s.view().Head.Sequence
		for i := range 5 {
			s.mustRegister(i%2, meter.ID(fmt.Sprint("N", i)))
		}
		time.Sleep(2 * sayEvery)
		s.link(clustertest.Drops, 0, 1)
		if err := s.engine.RollBack(then); err != nil {
			t.Fatal(err)
		}
		s.link(clustertest.Whole, 2)
		time.Sleep(time.Minute)
		if v := s.view(); v.Halted <= then || v.Head.Sequence != then {
			t.Errorf("behind batch %d, which others have more of, the engine holds %+v", then, v)
		}
		s.link(clustertest.Whole, 0, 1)
		time.Sleep(time.Second)
		for _, m := range s.members {
			if err := errors.Join(m.Failure(), m.Close()); err != nil {
				t.Error(err)
			}
		}
	})
}

// slowView is an engine that answers a view, once it is armed, as it was some time before.
type slowView struct {
	*clustertest.Client
	armed *atomic.Bool
}

func (e slowView) View(ctx context.Context) (cluster.View, error) {
	v, err := e.Client.View(ctx)
	if e.armed.CompareAndSwap(true, false) {
		time.Sleep(10 * time.Second)
	}
	return v, err
}

func TestAnAnswerThatComesLateHaltsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var armed atomic.Bool
		s := openTrio(t, only("b", func(c *clustertest.Client) cluster.Engine { return slowView{c, &armed} }))
		armed.Store(true)
		for i := range 30 {
			s.mustRegister(0, meter.ID(fmt.Sprint("M", i)))
			time.Sleep(time.Second)
		}
		if v := s.view(); armed.Load() || v.Halted > 0 {
			t.Errorf("the engine holds %+v", v)
		}
		s.end()
	})
}

// leadsUnheard is an engine that never says what became of the question who leads.
type leadsUnheard struct{ *clustertest.Client }

func (e leadsUnheard) Lead(ctx context.Context, n cluster.Node, instead uint64) (cluster.View, error) {
	_, _ = e.Client.Lead(ctx, n, instead)
	return cluster.View{}, errors.New("lost")
}

func TestANodeThatDoesNotKnowThatItLeadsLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openTrio(t, only("a", func(c *clustertest.Client) cluster.Engine { return leadsUnheard{c} }))
		s.mustRegister(1, "M")
		s.end()
	})
}

// TestNodesThatReachOnlyTheEngineTakeTheLeadFromEachOtherSeldom parts two nodes, both of which have something to write.
func TestNodesThatReachOnlyTheEngineTakeTheLeadFromEachOtherSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openTrio(t)
		s.mustRegister(1, "M")
		time.Sleep(2 * takeoverCalm)
		for _, from := range []string{"a", "b"} {
			for _, to := range []string{"a", "b"} {
				s.network.Set(from, to, clustertest.Faults{Link: clustertest.Refuses})
			}
		}
		before, began := s.terms(), time.Now()
		time.AfterFunc(time.Minute, func() {
			if after := s.terms(); after[0]-before[0]+after[1]-before[1] > 10 { // at 0, 1, 3, 7, 15, 25, … seconds
				t.Errorf("within a minute they have led %v times, and %v before", after, before)
			}
		})
		var asking sync.WaitGroup
		for n := range 2 {
			asking.Go(func() {
				for i := 0; time.Since(began) < time.Minute; i++ {
					_ = s.register(n, meter.ID(fmt.Sprintf("N%d-%d", n, i)))
					time.Sleep(500 * time.Millisecond)
				}
			})
		}
		asking.Wait()
		for _, from := range []string{"a", "b"} {
			for _, to := range []string{"a", "b"} {
				s.network.Set(from, to, clustertest.Faults{})
			}
		}
		s.mustRegister(0, "O")
		s.mustRegister(1, "P")
		s.end()
	})
}

// TestANodeThatHangsLetsAnotherOneLead holds up what applies at the node that leads.
func TestANodeThatHangsLetsAnotherOneLead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openTrio(t)
		s.mustRegister(0, "M")
		goOn := make(chan struct{})
		held := &commit{payload: store.AppendReception(nil, true), entries: 1, unheard: func(error) { <-goOn }}
		if err := s.members[0].committer.enqueue(t.Context(), held, steady); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for i := range 3 {
			s.mustRegister(1, meter.ID(fmt.Sprint("N", i)))
		}
		if took := time.Since(began); took > 2*cluster.LeaseTime+stuckMax+2*time.Second {
			t.Errorf("after %v another node takes something", took)
		}
		time.Sleep(stuckMax + 2*cluster.LeaseTime)
		if _, _, leads := s.members[0].Lead(); leads {
			t.Error("the one that hangs still says that it leads")
		}
		close(goOn)
		s.mustRegister(0, "O")
		s.end()
	})
}

// TestWritesWaitForAnEngineThatRefusesAndGoOnThen lets the engine take nothing for a while.
func TestWritesWaitForAnEngineThatRefusesAndGoOnThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openTrio(t)
		s.mustRegister(0, "M")
		before, began := s.revision(), time.Now()
		s.engine.Fill(true)
		for n := range 3 {
			if err := s.register(n, meter.ID(fmt.Sprint("N", n))); meter.CodeOf(err) != meter.CodeNotReady {
				t.Errorf("a node answers %v", err)
			}
		}
		time.Sleep(time.Minute)
		if err := s.register(0, "O"); meter.ReasonOf(err) != meter.ReasonNoQuorum {
			t.Errorf("after a minute a node answers %v", err)
		}
		said := 3 * (time.Since(began)/sayEvery + 1) // by all nodes
		if times := s.revision() - before; times > 1000+cluster.Revision(said) {
			t.Errorf("the engine has changed %d times in vain", times)
		}
		s.engine.Fill(false)
		for n := range 3 {
			s.mustRegister(n, meter.ID(fmt.Sprint("N", n)))
		}
		s.end()
	})
}

// TestReadingsAreRefusedWhileTheEngineIsNearlyFull keeps two of three nodes away, whose batches the engine keeps. Once they are
// back it cuts, though it takes as much as before.
func TestReadingsAreRefusedWhileTheEngineIsNearlyFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keepsLittle := func(o *Options) { o.Shared.KeepMin = 1 }
		s := openTrio(t, keepsLittle)
		s.mustRegister(0, "M")
		for _, n := range []int{1, 2} {
			if err := s.members[n].Close(); err != nil {
				t.Fatal(err)
			}
		}
		s.engine.Limit(100_000)
		var err error
		for n := 0; err == nil && n < 1000; n++ {
			err = s.register(0, meter.ID(fmt.Sprint("N", n)))
			time.Sleep(time.Second)
		}
		if meter.CodeOf(err) != meter.CodeDiskFull || !strings.Contains(err.Error(), "the engine") {
			t.Fatalf("a node alone answers %v", err)
		}
		for _, n := range []int{1, 2} {
			s.members[n] = openMember(t, s.disks[n], s.engine, s.network, s.members[n].shared.self.Name, keepsLittle)
		}
		s.mustRegister(0, "O")
		s.end()
	})
}

// TestASmallEngineKeepsLess adds far more than an engine may take, which is less than nodes would keep there of the newest.
func TestASmallEngineKeepsLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 100_000
		s := openTrio(t, func(o *Options) { o.Shared.KeepMin, o.Shared.CutEvery = 2*most, time.Hour })
		s.engine.Limit(most)
		time.Sleep(2 * sayEvery) // they have seen it
		refused := 0
		for n := range 2000 {
			time.Sleep(10 * time.Millisecond) // of the bubble, as below
			began := time.Now()
			for err := s.register(n%3, meter.ID(fmt.Sprint("M", n))); err != nil; err = s.register(n%3, meter.ID(fmt.Sprint("M", n))) {
				if refused++; meter.CodeOf(err) != meter.CodeDiskFull || time.Since(began) > 3*sayEvery {
					t.Fatalf("registration %d is refused for %v: %v", n, time.Since(began), err)
				}
				time.Sleep(10 * time.Millisecond)
			}
		}
		if at, batches := s.engine.Order(); refused == 0 || at.Sequence+uint64(len(batches)) < 2000 {
			t.Errorf("%d registrations were refused, and the order ends with batch %d", refused, at.Sequence+uint64(len(batches)))
		}
		s.end()
	})
}

// aged is an engine whose node says that it knows older rules only.
type aged struct {
	*clustertest.Client
	isOld *atomic.Bool
}

func (e aged) Say(ctx context.Context, s cluster.Status) error {
	if e.isOld.Load() {
		s.Level = uint8(store.LevelBegun)
	}
	return e.Client.Say(ctx, s)
}

// TestRulesAreRaisedOnceEveryNodeThatWasEverThereKnowsThem has a node of an older version, which is away for
// a while, and then comes back as the newest.
func TestRulesAreRaisedOnceEveryNodeThatWasEverThereKnowsThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var isOld atomic.Bool
		isOld.Store(true)
		older := only("c", func(c *clustertest.Client) cluster.Engine { return aged{c, &isOld} })
		s := openTrio(t, older)
		wants := func(level store.Level, when string) {
			s.mustRegister(0, meter.ID(when))
			time.Sleep(2 * witnessEvery)
			s.mustRegister(0, meter.ID(when+"-2"))
			if got := s.members[0].store.Level(); got != level {
				t.Errorf("%s entries are judged by the rules of level %d", when, got)
			}
		}
		time.Sleep(2 * sayEvery)
		wants(store.LevelHolds, "with-an-older-node")
		if err := s.members[2].Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * cluster.SayTime)
		s.engine.Expire()
		wants(store.LevelHolds, "while-it-is-away")
		isOld.Store(false)
		s.members[2] = openMember(t, s.disks[2], s.engine, s.network, "c", older)
		time.Sleep(2 * sayEvery)
		began := s.terms()
		wants(store.LevelNewest, "once-it-is-new")
		if ended := s.terms(); fmt.Sprint(began) != fmt.Sprint(ended) {
			t.Errorf("another term had to begin: %v, then %v", began, ended)
		}
		s.end()
	})
}

// TestANodeWithAWrongClockDoesNotLeadAndStopsNobody lets the clock of the first node be wrong by an hour.
func TestANodeWithAWrongClockDoesNotLeadAndStopsNobody(t *testing.T) {
	for _, wrong := range []time.Duration{time.Hour, -time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			var off atomic.Int64
			s := openTrio(t, func(o *Options) {
				if o.Shared.Self.Name == "a" {
					o.Now = func() time.Time { return time.Now().Add(time.Duration(off.Load())) }
				}
			})
			s.mustRegister(0, "M")
			off.Store(int64(wrong))
			time.Sleep(time.Minute)
			if _, _, leads := s.members[0].Lead(); leads {
				t.Error("it leads")
			}
			for i := range 30 {
				_ = s.members[0].Revoke(t.Context(), meter.NewCredentialID(), "") // what it takes all the same
				for n := 1; n < 3; n++ {
					if err := s.register(n, meter.ID(fmt.Sprintf("N%d-%d", n, i))); err != nil {
						t.Errorf("with a clock off by %v elsewhere, member %d answers %v", wrong, n, err)
					}
				}
				time.Sleep(time.Second)
			}
			if err := s.register(0, "O"); meter.CodeOf(err) != meter.CodeNotReady {
				t.Errorf("itself it answers %v", err)
			}
			if written := s.members[1].store.Written(); time.Since(written) > time.Minute || time.Until(written) > time.Minute {
				t.Errorf("it was written last at %v, and now it is %v", written, time.Now())
			}
			off.Store(0)
			s.mustRegister(0, "P")
			s.end()
		})
	}
}

// TestAnOrderBeginsWithRulesThatDecideAlike looks at the rules as soon as the first node leads.
func TestAnOrderBeginsWithRulesThatDecideAlike(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openTrio(t)
		if level := s.members[s.leads()].store.Level(); level < store.LevelHolds {
			t.Errorf("entries are judged by the rules of level %d", level)
		}
		s.end()
	})
}
