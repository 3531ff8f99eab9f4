package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/cluster"
	"meterledger/internal/clustertest"
	"meterledger/internal/faulttest"
	"meterledger/internal/meter"
)

func TestAnEngineKeepsWhatTooFewNodesHaveOrOneStillNeeds(t *testing.T) {
	has := func(copied ...uint64) (nodes []cluster.Seen) {
		for i, c := range copied {
			nodes = append(nodes, cluster.Seen{Status: cluster.Status{Node: cluster.Node{Name: fmt.Sprint("n", i)}, Copied: c}})
		}
		return nodes
	}
	fetching := func(pinned uint64) cluster.Seen { return cluster.Seen{Status: cluster.Status{Pinned: pinned}} }
	for _, c := range []struct {
		nodes       []cluster.Seen
		copies      int
		newest, far uint64
		upTo        uint64
		counted     int
	}{
		{nil, 2, 100, 0, 0, 0},
		{has(50), 2, 100, 0, 0, 0},
		{has(50), 2, 100, 80, 0, 0},
		{has(50, 60), 2, 100, 0, 50, 2},
		{has(50, 60), 2, 100, 80, 50, 2}, // too far behind, but nobody else has it
		{has(50, 60), 3, 100, 80, 0, 0},
		{has(50, 60), 2, 20, 0, 20, 2},
		{has(50, 60), 2, 0, 0, 0, 2},
		{has(50, 3, 60), 2, 100, 0, 3, 3},
		{has(50, 3, 60), 2, 100, 20, 20, 2}, // one lies too far behind
		{has(50, 3, 60), 2, 100, 80, 50, 2},
		{has(50, 3, 60), 3, 100, 80, 3, 3},
		{append(has(50, 60), fetching(7)), 2, 100, 0, 7, 2},
		{append(has(50, 60), fetching(7)), 2, 100, 20, 20, 2},
		{append(has(50), fetching(50)), 2, 100, 0, 0, 0}, // one copy, and one that is about to be
	} {
		upTo, counted := cutTo(c.nodes, c.copies, c.newest, c.far)
		if upTo != c.upTo || len(counted) != c.counted {
			t.Errorf("%+v: up to %d because of %d nodes", c, upTo, len(counted))
		}
		for _, n := range counted {
			if n.Copied < upTo || n.Pinned > 0 {
				t.Errorf("%+v: up to %d because of %+v", c, upTo, n)
			}
		}
	}
}

func TestSpansTellWhereTheNewestBytesOfAnOrderBegin(t *testing.T) {
	for seed := range uint64(20) {
		luck := rand.New(rand.NewPCG(seed, 0))
		const begin, least, most = 70, 6400, 64_000
		s := newSpans(begin, least, most)
		var sizes []int
		behind := func(sequence uint64) (bytes int64) {
			for _, size := range sizes[sequence-begin:] {
				bytes += int64(size)
			}
			return bytes
		}
		for range 2000 {
			sizes = append(sizes, 1+luck.IntN([]int{3, 150, 900}[luck.IntN(3)]))
			s.add(begin+uint64(len(sizes)), sizes[len(sizes)-1])
			asked := int64(least)
			if luck.IntN(2) == 0 {
				asked = most
			}
			at, isAll := s.before(asked)
			switch {
			case !isAll && (at != begin || behind(begin) > asked+200):
				t.Fatalf("with %d bytes: %d bytes are all that is known, from batch %d on", behind(begin), asked, at)
			case isAll && (behind(at) < asked || behind(at) > asked+200+900):
				t.Fatalf("%d bytes stand behind batch %d, and %d were asked for", behind(at), at, asked)
			}
		}
	}
}

// cutsAtOnce has a node keep nothing in the engine that all have.
func cutsAtOnce(o *Options) { o.Shared.KeepMin = 1 }

// leaveNothing has three nodes cut all that they can, in the engine and in their journals.
func (s *trio) leaveNothing(round int) {
	s.t.Helper()
	for i := range 3 {
		for n := range 3 {
			s.mustRegister(n, meter.ID(fmt.Sprintf("R%d-%d-%d", round, i, n)))
		}
		time.Sleep(2 * sayEvery) // all have copied it
		for _, m := range s.members[:3] {
			if err := m.Ledger.Snapshot(s.t.Context()); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	time.Sleep(2 * cutEvery)
}

// cutCounted is an engine that counts how often a leader has it forget.
type cutCounted struct {
	*clustertest.Client
	cuts *atomic.Int64
}

func (e cutCounted) Cut(ctx context.Context, term, upTo uint64, counted []cluster.Seen) error {
	e.cuts.Add(1)
	return e.Client.Cut(ctx, term, upTo, counted)
}

// TestAnEngineForgetsWhatNodesHaveSaidThoughItKeepsAllBatches lets nodes say for a while how they are, which an engine that keeps
// what was replaced until it is told would run full of.
func TestAnEngineForgetsWhatNodesHaveSaidThoughItKeepsAllBatches(t *testing.T) {
	for nodes := 1; nodes <= 2; nodes++ {
		synctest.Test(t, func(t *testing.T) {
			engine, network := clustertest.NewEngine(1), clustertest.NewNetwork(1)
			var cuts atomic.Int64
			counted := func(o *Options) { o.Shared.Engine = cutCounted{o.Shared.Engine.(*clustertest.Client), &cuts} }
			var members []member
			for n := range nodes {
				members = append(members, openMember(t, vfs.NewMem(), engine, network, fmt.Sprint("n", n), counted))
			}
			time.Sleep(10 * cutEvery)
			if n := cuts.Load(); n < 8 {
				t.Errorf("of %d nodes the one that leads has told it so %d times", nodes, n)
			}
			if begin, batches := engine.Order(); begin.Sequence > 0 || len(batches) == 0 {
				t.Errorf("the order begins behind batch %d and has %d", begin.Sequence, len(batches))
			}
			for _, m := range members {
				if err := m.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// slowPeers brings snapshots slowly.
type slowPeers struct {
	cluster.Peers
	during  func() // called once, when the first half of the first one has come
	fetched *atomic.Int64
}

func (p slowPeers) Snapshot(ctx context.Context, from cluster.Node, to io.Writer) error {
	var whole bytes.Buffer
	if err := p.Peers.Snapshot(ctx, from, &whole); err != nil {
		return err
	}
	for n := whole.Len() / 2; n > 0; n = whole.Len() {
		if _, err := to.Write(whole.Next(n)); err != nil {
			return err
		}
		if n = whole.Len(); n > 0 && p.fetched.Add(1) == 1 {
			p.during()
		}
	}
	return nil
}

// TestWhatANodeNeedsBehindItsSnapshotIsKeptWhileThatComes has the others cut all they can while a new node fetches
// the snapshot of one of them.
func TestWhatANodeNeedsBehindItsSnapshotIsKeptWhileThatComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openTrio(t, cutsAtOnce)
		s.leaveNothing(0)
		var fetched atomic.Int64
		during := func() {
			heard := make(chan struct{})
			go func() { // the listener hears nothing meanwhile
				for round := range 3 {
					s.leaveNothing(round + 1)
				}
				close(heard)
			}()
			<-heard
		}
		d := openMember(t, vfs.NewMem(), s.engine, s.network, "d", cutsAtOnce, func(o *Options) {
			o.Shared.Peers = slowPeers{o.Shared.Peers, during, &fetched}
		})
		s.members = append(s.members, d)
		s.mustRegister(3, "D")
		if n := fetched.Load(); n != 1 {
			t.Errorf("%d snapshots were fetched", n)
		}
		s.end()
	})
}

// TestANewNodeNeedsOneStartThoughNoOtherCanBeReachedAtFirst starts a node that can reach nobody, where
// the order does not reach back to its beginning any more.
func TestANewNodeNeedsOneStartThoughNoOtherCanBeReachedAtFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openTrio(t, cutsAtOnce)
		s.leaveNothing(0)
		link := func(l clustertest.Link) {
			for _, to := range []string{"a", "b", "c"} {
				s.network.Set("d", to, clustertest.Faults{Link: l})
			}
		}
		link(clustertest.Refuses)
		time.AfterFunc(20*time.Second, func() { link(clustertest.Whole) })
		s.members = append(s.members, openMember(t, vfs.NewMem(), s.engine, s.network, "d"))
		s.mustRegister(3, "D")
		s.end()
	})
}

// TestASecondNodeOfANameTakesNoPart starts another machine with the settings of one that runs, with an empty
// disk and with a copy of that one's.
func TestASecondNodeOfANameTakesNoPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openTrio(t)
		s.mustRegister(0, "M")
		if _, err := tryMember(t, vfs.NewMem(), s.engine, s.network, "b"); err == nil || err.Error() != errTaken("b").Error() {
			t.Errorf("with an empty disk it does not start: %v", err)
		}
		second := openMember(t, faulttest.PowerCut(s.disks[1]), s.engine, s.network, "b")
		s.network.Serve("b", s.members[1])
		time.Sleep(2 * takenMax)
		if err := second.Failure(); err == nil || err.Error() != errTaken("b").Error() {
			t.Errorf("with a copy of the disk it has ended: %v", err)
		}
		_ = second.Close()
		s.mustRegister(1, "N")
		s.end()
	})
}

// silentOnce is an engine whose tail, once it is armed, brings nothing more, and no error.
type silentOnce struct {
	*clustertest.Client
	armed *atomic.Bool
}

func (e silentOnce) Tail(ctx context.Context, after uint64, take func([]byte) error) error {
	return e.Client.Tail(ctx, after, func(batch []byte) error {
		if e.armed.CompareAndSwap(true, false) {
			<-ctx.Done()
			return ctx.Err()
		}
		return take(batch)
	})
}

func TestATailThatIsSilentIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var armed atomic.Bool
		s := openTrio(t, func(o *Options) {
			if o.Shared.Self.Name == "b" {
				o.Shared.Engine = silentOnce{o.Shared.Engine.(*clustertest.Client), &armed}
			}
		})
		s.mustRegister(1, "M")
		time.Sleep(time.Minute)
		armed.Store(true)
		s.mustRegister(0, "N")
		began := time.Now()
		knows := func() bool { _, known := s.members[1].store.Lookup("N"); return known }
		for ; !knows() && time.Since(began) < time.Minute; time.Sleep(10 * time.Millisecond) {
		}
		if took := time.Since(began); armed.Load() || took > 3*lookEvery {
			t.Errorf("after %v there is something", took)
		}
		s.end()
	})
}

// TestANameThatOutlivesItsProcessIsWaitedFor starts a node again whose name an engine in trouble keeps for long.
func TestANameThatOutlivesItsProcessIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openTrio(t)
		s.mustRegister(0, "M")
		s.members[1].engine.Close() // as a power cut does
		_ = s.members[1].Close()
		b := openMember(t, faulttest.PowerCut(s.disks[1]), s.engine, s.network, "b")
		for begun := time.Now(); time.Since(begun) < 3*takenMax; time.Sleep(cluster.SayTime / 2) {
			s.engine.Prolong()
		}
		if err := b.Failure(); err != nil {
			t.Errorf("it ends: %v", err)
		}
		s.members[1] = b
		s.mustRegister(1, "N")
		s.end()
	})
}

// TestANodeThatFetchesForEverIsNotWaitedForBeyondAFewBytes has a fourth node say, for an hour, that it fetches the snapshot of
// the first batch. So a pin needs no limit of time: what it holds back fills no disk.
func TestANodeThatFetchesForEverIsNotWaitedForBeyondAFewBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const kept = 8000
		s := openTrio(t, func(o *Options) { o.Shared.KeepMin, o.Shared.KeepMax = 1, kept })
		fetching, pins := s.engine.Client("d"), 0
		pinned := func(during time.Duration) {
			for began := time.Now(); time.Since(began) < during; time.Sleep(cluster.SayTime / 2) { // of the bubble
				if fetching.Say(t.Context(), cluster.Status{Node: cluster.Node{Name: "d", Incarnation: 4}, Pinned: 1}) == nil {
					pins++
				}
			}
		}
		for minute := range 60 {
			pinned(time.Minute)
			for n := range 10 {
				s.mustRegister(n%3, meter.ID(fmt.Sprintf("M%d-%d", minute, n)))
			}
			for _, m := range s.members {
				if err := m.Ledger.Snapshot(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if first, err := s.members[1].journal.First(); minute == 2 && (err != nil || first > 2) {
				t.Errorf("while it may wait for it, a journal begins with batch %d, %v", first, err)
			}
		}
		pinned(2 * cutEvery)
		bytesFrom := func(first uint64) (bytes int) {
			at, batches := s.engine.Order()
			for _, batch := range batches[first-1-at.Sequence:] {
				bytes += len(batch)
			}
			return bytes
		}
		if all := bytesFrom(1); pins < 700 || all < 5*kept {
			t.Errorf("it has said so %d times, beside an order of %d bytes", pins, all)
		}
		for _, m := range s.members {
			first, err := m.journal.First()
			if held := bytesFrom(first); err != nil || held > 2*kept {
				t.Errorf("a journal holds %d bytes for it, %v", held, err)
			}
		}
		err := fetching.Tail(t.Context(), 0, func([]byte) error { return errThere })
		if cut, ok := errors.AsType[*cluster.CutError](err); !ok || bytesFrom(cut.First) > 2*kept {
			t.Errorf("the engine keeps what is behind batch 0: %v", err)
		}
		s.end()
	})
}
