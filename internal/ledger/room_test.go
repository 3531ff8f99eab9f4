package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/cluster"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// sizedDisk says how much room it has.
type sizedDisk struct {
	vfs.FS
	free *atomic.Uint64
}

func (d sizedDisk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: d.free.Load()}, nil
}

const (
	roomMin   = 1 << 20
	roomOfAll = 1 << 30
)

// rooms are what nodes have on their disks, by name.
type rooms map[string]*atomic.Uint64

func newRooms() rooms {
	r := rooms{"a": {}, "b": {}, "c": {}}
	for name := range r {
		r[name].Store(roomOfAll)
	}
	return r
}

// limit gives nodes disks with so much room.
func (r rooms) limit(o *Options) {
	o.FS, o.DiskFreeMin = sizedDisk{o.FS, r[o.Shared.Self.Name]}, roomMin
}

// leads returns the place of the node that leads, once one does.
func (s *trio) leads() int {
	for {
		for n, m := range s.members {
			if _, _, leads := m.Lead(); leads {
				return n
			}
		}
		time.Sleep(10 * time.Millisecond) // of the bubble
	}
}

// propose proposes to the node that leads, whichever that is by then.
func (s *trio) propose(p cluster.Proposal) error {
	for {
		leader := s.members[s.leads()]
		p.To, _, _ = leader.shared.term.leads()
		if err := leader.Propose(context.Background(), p); !errors.Is(err, cluster.ErrMoved) {
			return err
		}
		time.Sleep(10 * time.Millisecond) // of the bubble
	}
}

// TestReadingsAreRefusedWhereTooFewDisksHaveRoom fills the disks of nodes, one after the other.
func TestReadingsAreRefusedWhereTooFewDisksHaveRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRooms()
		s := openTrio(t, r.limit)
		s.mustRegister(0, "M")
		r["a"].Store(roomMin / 2)
		time.Sleep(3 * sayEvery)
		if err := s.register(0, "N"); meter.CodeOf(err) != meter.CodeDiskFull {
			t.Errorf("a node without room answers %v", err)
		}
		for n := 1; n < 3; n++ {
			if err := s.register(n, meter.ID(fmt.Sprint("N", n))); err != nil {
				t.Errorf("where two of three have room, one of them answers %v", err)
			}
		}
		r["b"].Store(0)
		time.Sleep(3 * sayEvery)
		if err := s.register(2, "O"); meter.CodeOf(err) != meter.CodeDiskFull {
			t.Errorf("where one of three has room, that one answers %v", err)
		}
		if err := s.members[2].Revoke(t.Context(), meter.NewCredentialID(), ""); meter.CodeOf(err) != meter.CodeNotFound {
			t.Errorf("where two of three have room for a little, what is no reading is answered %v", err)
		}
		r["a"].Store(0)
		time.Sleep(3 * sayEvery)
		if err := s.propose(cluster.Proposal{Incarnation: 5, Number: 1, Entries: 1, Payload: store.AppendReception(nil, true)}); !errors.Is(err, cluster.ErrFull) {
			t.Errorf("where one of three has any room, a proposal is answered %v", err)
		}
		for _, free := range r {
			free.Store(roomOfAll)
		}
		time.Sleep(3 * sayEvery)
		for n := range 3 {
			s.mustRegister(n, meter.ID(fmt.Sprint("P", n)))
		}
		s.end()
	})
}

// TestALeaderLiftsAHoldThoughItsDiskIsFull: readings that it holds back are refused by all nodes.
func TestALeaderLiftsAHoldThoughItsDiskIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRooms()
		s := openTrio(t, r.limit)
		term, _, _ := s.members[0].Lead()
		id := store.HoldID{Term: term.Number, Incarnation: term.Incarnation, Number: 1}
		ask := func(payload []byte) error {
			verdict, err := s.members[0].Ask(t.Context(), payload, 1)
			if err == nil && verdict.Outcome != store.Accepted {
				err = fmt.Errorf("the verdict is %v", verdict)
			}
			return err
		}
		if err := ask(store.AppendHold(nil, store.Hold{ID: id})); err != nil {
			t.Fatal(err)
		}
		r["a"].Store(0)
		if err := ask(store.AppendFree(nil, id)); meter.CodeOf(err) != meter.CodeDiskFull {
			t.Errorf("what a run writes on a full disk is answered %v", err)
		}
		if verdict, err := s.members[0].Lift(t.Context(), id); err != nil || verdict.Outcome != store.Accepted {
			t.Errorf("lifting it is answered %v, %v", verdict, err)
		}
		for _, m := range s.members {
			if err := m.Confirm(t.Context()); err != nil {
				t.Error(err)
			}
			if hold, stands := m.store.Hold(); stands {
				t.Errorf("at node %s %+v stands", m.shared.self.Name, hold)
			}
		}
		r["a"].Store(roomOfAll)
		s.mustRegister(0, "M")
		s.end()
	})
}

// TestANodeThatWasStartedOnAFullDiskCopiesOnceThereIsRoom starts it without room for the beginning of its journal.
func TestANodeThatWasStartedOnAFullDiskCopiesOnceThereIsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRooms()
		s := openTrio(t, r.limit)
		for n := range 3 {
			s.mustRegister(n, meter.ID(fmt.Sprint("M", n)))
		}
		time.Sleep(2 * sayEvery)
		if err := s.members[2].Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * cluster.SayTime)
		r["c"].Store(10)
		s.members[2] = openMember(t, s.disks[2], s.engine, s.network, "c", r.limit)
		s.mustRegister(0, "N")
		if err := s.members[2].Confirm(t.Context()); err != nil {
			t.Error(err)
		}
		if err := s.register(2, "O"); meter.CodeOf(err) != meter.CodeDiskFull {
			t.Errorf("without room it answers %v", err)
		}
		if err := s.members[2].Close(); err != nil {
			t.Errorf("without room it stops with %v", err)
		}
		time.Sleep(2 * cluster.SayTime)
		s.members[2] = openMember(t, s.disks[2], s.engine, s.network, "c", r.limit)
		r["c"].Store(roomOfAll)
		s.mustRegister(0, "P")
		time.Sleep(3 * sayEvery)
		if copied, head := s.members[2].journal.Last(), s.view().Head.Sequence; copied != head {
			t.Errorf("it has copied %d of %d batches", copied, head)
		}
		s.mustRegister(2, "O")
		s.end()
	})
}

// TestANodeStopsThoughItsDiskHasNoRoomForWhatItHasApplied lets a disk fill up while a node runs.
func TestANodeStopsThoughItsDiskHasNoRoomForWhatItHasApplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRooms()
		s := openTrio(t, r.limit)
		s.mustRegister(2, "M")
		time.Sleep(2 * sayEvery)
		r["c"].Store(roomMin / 8)
		s.mustRegister(0, "N")
		if err := s.members[2].Confirm(t.Context()); err != nil {
			t.Error(err)
		}
		r["c"].Store(roomOfAll) // which it has not seen when it stops
		began := time.Now()
		if err := s.members[2].Close(); err != nil || time.Since(began) > 2*stopMax {
			t.Errorf("it stops after %v: %v", time.Since(began), err)
		}
		time.Sleep(2 * cluster.SayTime)
		s.members[2] = openMember(t, s.disks[2], s.engine, s.network, "c", r.limit)
		s.mustRegister(2, "O")
		s.end()
	})
}

// TestANodeStopsThoughItsDiskHasBeenFullForLong has more batches wait to be copied than may.
func TestANodeStopsThoughItsDiskHasBeenFullForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRooms()
		s := openTrio(t, r.limit)
		r["c"].Store(0)
		for i := range 3 * copiesMax {
			s.mustRegister(0, meter.ID(fmt.Sprint("N", i)))
		}
		closed := make(chan error, 1)
		go func() { closed <- s.members[2].Close() }()
		select {
		case err := <-closed:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(4 * stopMax):
			t.Error("it does not stop")
			r["c"].Store(roomOfAll)
			<-closed
		}
		r["c"].Store(roomOfAll)
		time.Sleep(2 * cluster.SayTime)
		s.members[2] = openMember(t, s.disks[2], s.engine, s.network, "c", r.limit)
		s.mustRegister(2, "O")
		s.end()
	})
}

// TestANodeWithoutRoomLeavesTheLeadToOneThatHasSome fills the disk of the one that leads.
func TestANodeWithoutRoomLeavesTheLeadToOneThatHasSome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRooms()
		s := openTrio(t, r.limit)
		for n := range 3 { // whoever leads
			s.mustRegister(n, "M"+meter.ID(fmt.Sprint(n)))
		}
		leader := s.leads()
		r[s.members[leader].shared.self.Name].Store(0)
		for i := range 3 * copiesMax {
			began := time.Now()
			s.mustRegister((leader+1+i%2)%3, meter.ID(fmt.Sprint("N", i)))
			if took := time.Since(began); took > 2*cluster.LeaseTime {
				t.Errorf("registration %d takes %v", i, took)
				break
			}
		}
		if s.leads() == leader {
			t.Error("it leads on")
		}
		r[s.members[leader].shared.self.Name].Store(roomOfAll)
		time.Sleep(3 * sayEvery)
		s.mustRegister(leader, "O")
		s.end()
	})
}

// TestALowerLimitOfRefusalsHoldsForAllNodes starts nodes again with a lower limit than they have kept.
func TestALowerLimitOfRefusalsHoldsForAllNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := func(n uint32) func(*Options) { return func(o *Options) { o.RefusalsMax = n } }
		s := openTrio(t, limit(100))
		s.mustRegister(0, "M")
		slot := s.members[0].zone.DayStart(meter.Day{Year: 1999, Month: time.December, Day: 1}) // bubbles begin with 2000
		record := func(n int, slot meter.Slot, kwh string) error {
			register, err := meter.ParseRegister(kwh)
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.members[n].Record(t.Context(), meter.Reading{Meter: "M", Slot: slot, Register: register})
			return err
		}
		if err := record(0, slot, "100"); err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			if err := record(1, slot+1+meter.Slot(i), fmt.Sprint(i)); meter.CodeOf(err) != meter.CodeReadingDecreases {
				t.Fatal(err)
			}
		}
		time.Sleep(sayEvery)
		if kept := s.members[0].store.Refusals().Kept; kept != 10 {
			t.Errorf("%d are kept", kept)
		}
		for n, name := range []string{"a", "b", "c"} {
			if err := s.members[n].Close(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * cluster.SayTime)
			s.members[n] = openMember(t, s.disks[n], s.engine, s.network, name, limit(3))
		}
		s.mustRegister(2, "N")
		s.end()
		for _, m := range s.members {
			if kept := m.store.Refusals().Kept; kept != 3 {
				t.Errorf("%d are kept", kept)
			}
		}
	})
}
