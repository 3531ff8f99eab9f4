package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/cluster"
	"meterledger/internal/clustertest"
	"meterledger/internal/journal"
	"meterledger/internal/meter"
)

// member is a node of an order in a test.
type member struct {
	*Ledger
	engine *clustertest.Client
}

// server answers the peers of a member.
func (m member) Snapshot(to io.Writer) error { return m.SnapshotTo(to) }

// waitToLead returns once a member leads.
func (m member) waitToLead() {
	for range 1000 {
		if _, _, leads := m.Lead(); leads {
			return
		}
		time.Sleep(10 * time.Millisecond) // of the bubble
	}
	panic("it does not lead")
}

// foundOrder founds the order of a node's journal, unless there is one.
func foundOrder(t *testing.T, engine cluster.Engine, disk vfs.FS) {
	t.Helper()
	j, err := journal.OpenReadOnly(disk, "data/journal", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Found(t.Context(), cluster.Order{At: j.End()}); err != nil && !errors.Is(err, cluster.ErrFounded) {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// openMember starts a node, with other options than usual if there are changes.
func openMember(t *testing.T, disk vfs.FS, engine *clustertest.Engine, network *clustertest.Network, name string, changes ...func(*Options)) member {
	t.Helper()
	m, err := tryMember(t, disk, engine, network, name, changes...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// tryMember is openMember for a node that may not start.
func tryMember(t *testing.T, disk vfs.FS, engine *clustertest.Engine, network *clustertest.Network, name string, changes ...func(*Options)) (member, error) {
	t.Helper()
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		t.Fatal(err)
	}
	client := engine.Client(name)
	foundOrder(t, client, disk)
	o := Options{
		FS: disk, DataDir: "data", Zone: zone, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Shared: &Shared{
			Engine: client, Peers: network.Peers(name),
			Self: cluster.Node{Name: name, Incarnation: rand.Uint64() | 1, Address: name},
		},
	}
	for _, change := range changes {
		change(&o)
	}
	l, err := Open(t.Context(), o)
	m := member{l, client}
	if err == nil {
		network.Serve(name, m)
	}
	return m, err
}

func TestAMeterThatIsRegisteredAtOneNodeIsKnownAtAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine, network := clustertest.NewEngine(1), clustertest.NewNetwork(1)
		var members []member
		for _, name := range []string{"a", "b", "c"} {
			members = append(members, openMember(t, vfs.NewMem(), engine, network, name))
		}
		ctx := context.Background()
		for i := range 30 {
			id := meter.ID(fmt.Sprintf("M%d", i))
			if err := members[i%3].Register(ctx, id, "Tan", "Road"); err != nil {
				t.Fatal(err)
			}
			if err := members[(i+1)%3].Register(ctx, id, "Tan", "Road"); meter.CodeOf(err) != meter.CodeMeterExists {
				t.Errorf("registered again: %v", err)
			}
		}
		for _, m := range members {
			if err := m.shared.barrier.confirm(ctx); err != nil {
				t.Error(err)
			}
			if m.store.Hash() != members[0].store.Hash() {
				t.Error("another state")
			}
		}
		for _, m := range members {
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestANewNodeBeginsWithTheSnapshotOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine, network := clustertest.NewEngine(1), clustertest.NewNetwork(1)
		ctx := context.Background()
		a := openMember(t, vfs.NewMem(), engine, network, "a")
		for i := range 3 {
			if err := a.Register(ctx, meter.ID(fmt.Sprintf("M%d", i)), "Tan", "Road"); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.Ledger.Snapshot(ctx); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * sayEvery)
		disk := vfs.NewCrashableMem()
		b := openMember(t, disk, engine, network, "b")
		if first, err := b.journal.First(); err != nil || first == 1 {
			t.Errorf("its journal begins with batch %d, %v", first, err)
		}
		if err := b.Register(ctx, "M3", "Tan", "Road"); err != nil {
			t.Error(err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * cluster.SayTime)
		b = openMember(t, disk, engine, network, "b")
		if _, known := b.store.Lookup("M3"); !known || b.store.Hash() != a.store.Hash() {
			t.Error("it has another state after a restart")
		}
		for _, m := range []member{a, b} {
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestTakeoversOfALeaderThatAnswersOthersComeFewer(t *testing.T) {
	var tk takeover
	now := time.Now()
	taken := 0
	for range 60 * 10 {
		if tk.may(now) {
			taken++
		}
		now = now.Add(100 * time.Millisecond)
	}
	if taken < 5 || taken > 10 { // at 0, 1, 3, 7, 15, 25, … seconds
		t.Errorf("%d times in a minute", taken)
	}
	if now = now.Add(2 * takeoverCalm); !tk.may(now) {
		t.Error("not even after a calm time")
	}
}

func TestANodeStopsThoughTheLeaderCannotBeReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine, network := clustertest.NewEngine(1), clustertest.NewNetwork(1)
		a := openMember(t, vfs.NewMem(), engine, network, "a")
		if err := a.Register(t.Context(), "M", "Tan", "Road"); err != nil {
			t.Fatal(err)
		}
		b := openMember(t, vfs.NewMem(), engine, network, "b")
		network.Set("b", "a", clustertest.Faults{Link: clustertest.Drops})
		const more = 2 * underWayMax
		answers := make(chan error, more)
		for i := range more {
			go func() { answers <- b.Register(t.Context(), meter.ID(fmt.Sprint(i)), "Tan", "Road") }()
			synctest.Wait()
		}
		began := time.Now()
		if err := b.Close(); err != nil || time.Since(began) > 2*stopMax {
			t.Errorf("stopped after %v: %v", time.Since(began), err)
		}
		for range more {
			if err := <-answers; meter.CodeOf(err) != meter.CodeNotReady {
				t.Errorf("a caller is answered %v", err)
			}
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
}
