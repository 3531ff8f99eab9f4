package node_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/archive"
	"meterledger/internal/chain"
	"meterledger/internal/cluster"
	"meterledger/internal/clustertest"
	"meterledger/internal/durable"
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
	"meterledger/internal/node"
)

// trip is a cluster that comes and goes: nodes on disks of their own beside one archive folder, and an engine that
// can be lost or brought back from a copy.
type trip struct {
	t       *testing.T
	engine  *clustertest.Engine
	network *clustertest.Network
	shared  *vfs.MemFS          // the disk of the archive folder
	mount   func(vfs.FS) vfs.FS // how nodes see it; nil: as it is
	began   time.Time
	nodes   map[string]*traveller
	taken   []meter.ID // what was acknowledged
}

// traveller is a node of a trip.
type traveller struct {
	*node.Node
	trip      *trip
	name      string
	disk      vfs.FS
	processes uint64 // so far
}

func newTrip(t *testing.T, names ...string) *trip {
	tr := &trip{t: t, engine: clustertest.NewEngine(1), network: clustertest.NewNetwork(1), shared: vfs.NewCrashableMem(), began: time.Now(), nodes: map[string]*traveller{}}
	if err := durable.MakeFolder(tr.shared, "Archive"); err != nil { // where all have mounted it
		t.Fatal(err)
	}
	for _, name := range names {
		tr.nodes[name] = &traveller{trip: tr, name: name, disk: vfs.NewCrashableMem()}
	}
	return tr
}

// together are the settings of a node of the cluster, alone those of a node that is none.
func together(*node.Options) {}

func alone(o *node.Options) { o.Shared = nil }

func founding(f ledger.Founding) func(*node.Options) {
	return func(o *node.Options) { o.Shared.Founding = f }
}

func healing(o *node.Options) { o.Shared.Heal = true }

func (x *traveller) options(change func(*node.Options)) node.Options {
	tr := x.trip
	x.processes++
	var mounted vfs.FS = tr.shared
	if tr.mount != nil {
		mounted = tr.mount(mounted)
	}
	o := node.Options{
		FS: mountedFS{x.disk, mounted}, DataDir: "data", ArchiveDir: "Archive", BackupDir: "backup", Zone: loadZone(tr.t, "Asia/Singapore"),
		Now: func() time.Time { return now.Add(time.Since(tr.began)) }, Log: slog.New(slog.DiscardHandler), Holder: "a test", RefusalsMax: 1000,
		Shared: &ledger.Shared{
			Engine: tr.engine.Client(fmt.Sprint(x.name, x.processes)), Peers: tr.network.Peers(x.name), Cluster: "test",
			Self: cluster.Node{Name: x.name, Incarnation: uint64(x.name[0])<<8 + x.processes, Address: x.name},
		},
	}
	change(&o)
	return o
}

// open starts a node, which must succeed.
func (tr *trip) open(name string, change func(*node.Options)) *traveller {
	tr.t.Helper()
	x := tr.nodes[name]
	n, err := node.Open(tr.t.Context(), x.options(change))
	if err != nil {
		tr.t.Fatalf("%s does not start: %v", name, err)
	}
	x.Node = n
	tr.t.Cleanup(func() {
		if x.Node == n && tr.t.Failed() {
			_ = n.Close() // else a test that has failed would hang
		}
	})
	tr.network.Serve(name, served{n.Ledger})
	return x
}

// refuses wants a node not to start, and to say why.
func (tr *trip) refuses(name string, change func(*node.Options), says ...string) {
	tr.t.Helper()
	ctx, done := context.WithTimeout(tr.t.Context(), time.Minute)
	defer done()
	n, err := node.Open(ctx, tr.nodes[name].options(change))
	if err == nil {
		tr.t.Fatalf("%s starts: %v", name, n.Close())
	}
	for _, part := range says {
		if !strings.Contains(err.Error(), part) {
			tr.t.Errorf("%s says %q, and not %q", name, err, part)
		}
	}
}

// close stops nodes, the first one first.
func (tr *trip) close(names ...string) {
	tr.t.Helper()
	for _, name := range names {
		tr.network.Serve(name, nil)
		if err := tr.nodes[name].Close(); err != nil {
			tr.t.Errorf("%s is stopped: %v", name, err)
		}
		tr.nodes[name].Node = nil
	}
	time.Sleep(2 * cluster.SayTime) // until nobody counts them any more
}

// takes registers meters at a node, each of which must be acknowledged in the end.
func (tr *trip) takes(name string, meters int) {
	tr.t.Helper()
	for range meters {
		id := meter.ID(fmt.Sprintf("M%d", len(tr.taken)))
		tr.eventually(name+" takes "+string(id), func() error {
			err := tr.nodes[name].Register(tr.t.Context(), id, "Tan", "Road")
			if meter.CodeOf(err) == meter.CodeMeterExists {
				return nil
			}
			return err
		})
		tr.taken = append(tr.taken, id)
	}
}

// takesNothing wants a node to acknowledge nothing.
func (tr *trip) takesNothing(name string) {
	tr.t.Helper()
	if err := tr.nodes[name].Register(tr.t.Context(), "NEVER", "Tan", "Road"); meter.CodeOf(err) != meter.CodeNotReady {
		tr.t.Errorf("%s answers %v", name, err)
	}
}

// has wants nodes to have all that was acknowledged.
func (tr *trip) has(names ...string) {
	tr.t.Helper()
	for _, name := range names {
		for _, id := range tr.taken {
			tr.eventually(name+" has "+string(id), func() error {
				if _, known := tr.nodes[name].Store().Lookup(id); !known {
					return errors.New("it is not known")
				}
				return nil
			})
		}
	}
}

func (tr *trip) eventually(what string, try func() error) {
	tr.t.Helper()
	var err error
	for begun := time.Now(); time.Since(begun) < time.Minute; time.Sleep(100 * time.Millisecond) { // of the bubble
		if err = try(); err == nil {
			return
		}
	}
	tr.t.Fatalf("after a minute it is not so that %s: %v", what, err)
}

// leave ends the cluster with what a node has.
func (tr *trip) leave(name string) error {
	return node.Leave(tr.t.Context(), tr.nodes[name].options(together))
}

func (tr *trip) halted() uint64 {
	tr.t.Helper()
	v, err := tr.engine.Client("observer").View(tr.t.Context())
	if err != nil {
		tr.t.Fatal(err)
	}
	return v.Halted
}

func (tr *trip) head() uint64 {
	tr.t.Helper()
	v, err := tr.engine.Client("observer").View(tr.t.Context())
	if err != nil {
		tr.t.Fatal(err)
	}
	return v.Head.Sequence
}

func traveling(t *testing.T, names string, f func(t *testing.T, tr *trip)) {
	synctest.Test(t, func(t *testing.T) { f(t, newTrip(t, strings.Split(names, " ")...)) })
}

// started is a cluster of three nodes that grew from one alone.
func started(t *testing.T, f func(t *testing.T, tr *trip)) {
	traveling(t, "a b c", func(t *testing.T, tr *trip) {
		tr.open("a", alone)
		tr.takes("a", 3)
		tr.close("a")
		tr.open("a", founding(ledger.FoundOnce))
		tr.takes("a", 1)
		tr.nodes["a"].keepsSnapshot()
		tr.open("b", together)
		tr.open("c", together)
		tr.takes("b", 1)
		tr.takes("c", 1)
		f(t, tr)
	})
}

func TestOneNodeBecomesThreeAndOneAgainAndThreeAgain(t *testing.T) {
	started(t, func(t *testing.T, tr *trip) {
		tr.has("a", "b", "c")
		tr.close("c", "b", "a")
		tr.refuses("a", alone, "node a of the cluster test", "-cluster-leave")
		tr.nodes["a"].leaves()
		tr.nodes["a"].leaves() // which changes nothing
		tr.refuses("b", together, "node a has left", "of no use any more")
		tr.refuses("b", alone, "node b of the cluster test")
		tr.refuses("a", founding(ledger.FoundOnce), "node a has left") // it has not gone on alone yet
		tr.nodes["a"].leaves()
		tr.open("a", alone)
		tr.has("a")
		tr.takes("a", 2)
		if err := tr.nodes["a"].maintainsAlone(); err != nil {
			t.Errorf("alone it archives nothing: %v", err)
		}
		tr.close("a")
		tr.open("a", founding(ledger.FoundOnce))
		tr.nodes["a"].keepsSnapshot()
		tr.open("b", together)
		tr.open("c", together)
		tr.takes("c", 1)
		tr.has("a", "b", "c")
		tr.close("a", "b", "c")
	})
}

// keepsSnapshot takes a snapshot, and waits until others know where the journal begins then.
func (x *traveller) keepsSnapshot() {
	x.trip.t.Helper()
	if err := x.Ledger.Snapshot(x.trip.t.Context()); err != nil {
		x.trip.t.Error(err)
	}
	time.Sleep(2 * time.Second) // of the bubble
}

func (x *traveller) leaves() {
	x.trip.t.Helper()
	if err := x.trip.leave(x.name); err != nil {
		x.trip.t.Errorf("%s does not leave: %v", x.name, err)
	}
}

// maintainsAlone archives a month.
func (x *traveller) maintainsAlone() error {
	run, err := x.Start(october)
	if err != nil {
		return err
	}
	<-run.Done()
	return run.Err
}

func TestANodeThatWasShutDownBecomesPartOfAClusterThatIsShutDown(t *testing.T) {
	traveling(t, "a b", func(t *testing.T, tr *trip) {
		tr.open("a", alone)
		tr.takes("a", 1)
		if err := tr.nodes["a"].Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		tr.close("a")
		tr.open("a", founding(ledger.FoundOnce))
		tr.open("b", together)
		for _, name := range []string{"a", "b"} {
			if err := tr.nodes[name].Register(t.Context(), "NEVER", "Tan", "Road"); meter.CodeOf(err) != meter.CodeNotReceiving {
				t.Errorf("%s answers %v", name, err)
			}
		}
		tr.close("b", "a")
	})
}

func TestTwoClustersThatBeginEmptyHaveOrdersOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first chain.ID
		for range 2 {
			tr := newTrip(t, "a", "b")
			tr.open("a", founding(ledger.FoundOnce))
			tr.open("b", together)
			tr.takes("b", 1)
			order := tr.nodes["a"].Order()
			if order == first || order != tr.nodes["b"].Order() {
				t.Errorf("the orders are %x, %x and %x", first, order, tr.nodes["b"].Order())
			}
			first = order
			tr.close("b", "a")
		}
	})
}

// TestANodeThatWasKilledAsItJoinedJoinsAnOrderThatHasNothingYet: its folder is marked, and its journal is still another one.
func TestANodeThatWasKilledAsItJoinedJoinsAnOrderThatHasNothingYet(t *testing.T) {
	traveling(t, "b", func(t *testing.T, tr *trip) {
		engine, order := tr.engine.Client("founder"), chain.ID{1}
		if err := engine.Found(t.Context(), cluster.Order{At: chain.Position{Journal: order}, Zone: "Asia/Singapore"}); err != nil {
			t.Fatal(err)
		}
		id, revision, err := engine.Identity(t.Context())
		if err = errors.Join(err, durable.MakeFolder(tr.nodes["b"].disk, "data")); err == nil {
			err = cluster.Mark{Cluster: "test", Node: "b", Journal: order, Engine: id, Revision: revision}.Write(tr.nodes["b"].disk, "data")
		}
		if err = errors.Join(err, archive.Share(tr.shared, "Archive", order)); err != nil {
			t.Fatal(err)
		}
		tr.open("b", together)
		tr.takes("b", 1)
		if tr.nodes["b"].Order() != order {
			t.Errorf("it takes part in %x", tr.nodes["b"].Order())
		}
		tr.close("b")
	})
}

// loseEngine puts another engine in the place of the one that there was.
func (tr *trip) loseEngine() { tr.engine = clustertest.NewEngine(2) }

func TestAnEngineThatIsLostIsFoundedAgainByTheNodeThatHasMost(t *testing.T) {
	started(t, func(t *testing.T, tr *trip) {
		tr.close("c")
		tr.takes("a", 3)
		tr.has("b")
		tr.close("b", "a")
		tr.loseEngine()
		tr.refuses("b", together, "holds no order", "-cluster-found=again", "-cluster-heal")
		tr.refuses("b", healing, "holds no order", "-cluster-found=again")
		tr.refuses("b", founding(ledger.FoundOnce), "-cluster-found=again")
		if err := tr.leave("b"); err == nil || !strings.Contains(err.Error(), "-cluster-found=again, stop it, and leave") {
			t.Errorf("it leaves: %v", err)
		}
		tr.open("a", founding(ledger.FoundAgain))
		tr.takesNothing("a") // another one may have more
		tr.refuses("b", together, "-cluster-heal")
		tr.refuses("c", founding(ledger.FoundAgain), "-cluster-heal")
		tr.open("b", healing)
		tr.takes("b", 1)
		tr.open("c", healing)
		tr.takes("c", 1)
		tr.has("a", "b", "c")
		tr.close("c", "b", "a")
		for _, name := range []string{"a", "b", "c"} {
			tr.open(name, together)
		}
		tr.takes("b", 1)
		tr.has("a", "b", "c")
		tr.close("c", "b", "a")
	})
}

func TestTheWrongNodeThatFoundsAgainIsHaltedByOneThatHasMore(t *testing.T) {
	started(t, func(t *testing.T, tr *trip) {
		tr.close("c")
		tr.takes("a", 3) // c lacks them
		tr.has("b")
		tr.close("b")
		tr.takes("a", 2) // b lacks them, and nobody but a has them
		tr.close("a")
		tr.loseEngine()
		tr.open("c", founding(ledger.FoundAgain))
		tr.takesNothing("c")
		tr.refuses("a", together, "holds batch", "founded again by a node that had less", "-cluster-heal")
		if tr.halted() == 0 {
			t.Error("the engine is not halted")
		}
		tr.open("b", healing) // which has more than c, and less than a
		tr.takesNothing("b")
		tr.open("a", healing)
		tr.takes("c", 1)
		tr.has("a", "b", "c")
		tr.close("c", "b", "a")
	})
}

func TestAnEngineThatWasBroughtBackIsRefusedByAllAndHealed(t *testing.T) {
	started(t, func(t *testing.T, tr *trip) {
		tr.has("a", "b", "c")
		then := tr.head()
		time.Sleep(5 * time.Second) // of the bubble: the engine goes on, and c sees that
		tr.close("c")               // which has no more than the copy of the engine
		tr.takes("b", 3)
		tr.has("a")
		tr.close("b", "a")
		if err := tr.engine.RollBack(then); err != nil {
			t.Fatal(err)
		}
		tr.refuses("c", together, "is at revision", "-cluster-heal")
		tr.refuses("a", together, "holds batch", "brought back from an older copy", "-cluster-heal")
		tr.refuses("b", together, "holds batch", "-cluster-heal")
		if err := tr.leave("c"); err == nil {
			t.Error("c leaves with less than others have")
		}
		tr.open("c", healing)
		tr.takesNothing("c")
		tr.open("b", healing)
		if tr.halted() != 0 {
			t.Error("the engine is still halted")
		}
		tr.takes("c", 1)
		tr.open("a", healing)
		tr.takes("a", 1)
		tr.has("a", "b", "c")
		tr.close("c", "b", "a")
	})
}

// TestNodesThatHaveLessDoNotGoOnAlone heals an engine first with a node that lacks what was acknowledged, and then
// with as many as keep each batch.
func TestNodesThatHaveLessDoNotGoOnAlone(t *testing.T) {
	started(t, func(t *testing.T, tr *trip) {
		tr.has("a", "b", "c")
		then := tr.head()
		tr.close("c", "b")
		tr.takes("a", 5) // nobody else has them
		tr.close("a")
		end := tr.head()
		if err := tr.engine.RollBack(then); err != nil {
			t.Fatal(err)
		}
		tr.open("c", healing)
		time.Sleep(time.Minute)
		tr.takesNothing("c")
		taken := tr.taken
		tr.open("b", healing)
		for tr.head() < end {
			tr.takes("c", 1)
		}
		if tr.head() != end {
			t.Fatalf("the order ends with batch %d, and not with %d", tr.head(), end)
		}
		tr.refuses("a", healing, fmt.Sprintf("has another batch %d", end))
		tr.refuses("a", together, fmt.Sprintf("has another batch %d", end))
		tr.taken = append(taken[:len(taken)-5:len(taken)-5], tr.taken[len(taken):]...)
		tr.has("b", "c")
		tr.close("c", "b")
	})
}

func TestAnEngineThatIsBroughtBackUnderRunningNodesIsHaltedAndHealedByOneOfThem(t *testing.T) {
	started(t, func(t *testing.T, tr *trip) {
		tr.has("a", "b", "c")
		then := tr.head()
		tr.takes("b", 3)
		tr.has("a", "c")
		tr.close("c")
		if err := tr.engine.RollBack(then); err != nil {
			t.Fatal(err)
		}
		tr.eventually("the engine is halted", func() error {
			if tr.halted() == 0 {
				return errors.New("it is not")
			}
			return nil
		})
		tr.open("c", healing)
		tr.takes("c", 1)
		tr.close("c", "b", "a")
		for _, name := range []string{"a", "b"} {
			tr.open(name, healing)
		}
		tr.takes("a", 1)
		tr.has("a", "b")
		tr.close("b", "a")
	})
}

// A node that has less than others, and runs while the engine is brought back, must not lead in it.
func TestANodeThatLiesBehindDoesNotLeadInAnEngineThatWasBroughtBack(t *testing.T) {
	started(t, func(t *testing.T, tr *trip) {
		tr.has("a", "b", "c")
		then := tr.head()
		time.Sleep(2 * time.Minute) // of the bubble: its mark has the revision of this moment
		for _, name := range []string{"a", "b"} {
			tr.network.Serve(name, nil)
		}
		tr.close("a", "b")
		if err := tr.engine.RollBack(then); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		tr.takesNothing("c")
		if tr.head() != then {
			t.Errorf("the order ends with batch %d, and was brought back to %d", tr.head(), then)
		}
		tr.close("c")
	})
}

func TestNodesThatDoNotFitTheClusterAreRefusedByName(t *testing.T) {
	started(t, func(t *testing.T, tr *trip) {
		tr.close("c", "b")
		tr.refuses("b", func(o *node.Options) { o.Shared.Cluster = "other" }, "a folder of the cluster test, not of other", "-cluster-name")
		tr.refuses("b", func(o *node.Options) { o.Shared.Self.Name = "d" }, "the folder of node b, not of d", "-cluster-node")
		tr.refuses("b", func(o *node.Options) { o.ArchiveCompress = true }, "archives of the form off, not zstd", "-archive-compress")
		tr.refuses("b", func(o *node.Options) { o.Zone = loadZone(t, "Europe/Berlin") }, "Asia/Singapore")
		other := newTrip(t, "o")
		tr.nodes["o"] = other.nodes["o"]
		other.nodes["o"].trip = tr
		tr.refuses("o", func(o *node.Options) { o.Zone = loadZone(t, "Europe/Berlin") }, "founded with the time zone Asia/Singapore, not Europe/Berlin", "-timezone")
		tr.nodes["o"].disk, tr.shared = vfs.NewCrashableMem(), newTrip(t).shared
		tr.open("o", alone)
		tr.takes("o", 1)
		tr.close("o")
		tr.refuses("o", together, "holds the journal of another node", "empty folder")
		tr.refuses("o", founding(ledger.FoundOnce), "holds the journal of another node", "empty folder")
		tr.close("a")
		tr.loseEngine()
		tr.refuses("o", together, "start one node with -cluster-found")
		tr.open("o", founding(ledger.FoundOnce))
		tr.refuses("b", healing, "of another order")
		tr.close("o")
	})
}

// TestANodeThatIsStoppedWhileItStartsSaysSo: that is no failure.
func TestANodeThatIsStoppedWhileItStartsSaysSo(t *testing.T) {
	for _, link := range []clustertest.Link{clustertest.Drops, clustertest.Refuses} {
		synctest.Test(t, func(t *testing.T) {
			tr := newTrip(t, "a")
			ctx, stop := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Minute, func() { stop(errors.New("terminated signal received")) })
			_, err := node.Open(ctx, tr.nodes["a"].options(func(o *node.Options) {
				o.Shared.Engine.(*clustertest.Client).Set(clustertest.Faults{Link: link})
			}))
			if !errors.Is(err, meter.ErrStopped) {
				t.Errorf("it says %v", err)
			}
		})
	}
}

// TestAFolderOfAForkIsRefusedAndHaltsNobody founds the order again with a node that has less. When the one that has more
// comes, the others have gone on: its batches fit nowhere.
func TestAFolderOfAForkIsRefusedAndHaltsNobody(t *testing.T) {
	started(t, func(t *testing.T, tr *trip) {
		tr.has("a", "b", "c")
		tr.close("c", "b")
		taken := tr.taken
		tr.takes("a", 9) // nobody else has them
		tr.close("a")
		tr.loseEngine()
		tr.open("c", founding(ledger.FoundAgain))
		tr.open("b", healing)
		tr.taken = taken
		tr.takes("b", 1)
		for _, how := range []func(*node.Options){together, healing} {
			tr.refuses("a", how, "has another batch", "empty folder")
			if halted := tr.halted(); halted > 0 {
				t.Errorf("the order is halted for batch %d, which fits nowhere", halted)
			}
		}
		tr.takes("c", 1)
		tr.close("c", "b")
	})
}

func TestANodeWithoutTheArchivesTakesNoPartAndLeavesItsFolderAsItIs(t *testing.T) {
	started(t, func(t *testing.T, tr *trip) {
		tr.nodes["d"] = &traveller{trip: tr, name: "d", disk: vfs.NewCrashableMem()}
		tr.mount = func(vfs.FS) vfs.FS { return vfs.NewMem() } // the folder beneath the mount
		tr.refuses("d", together, "has no file CLUSTER", "mount the disk")
		tr.mount = nil
		if _, err := cluster.ReadMark(tr.nodes["d"].disk, "data"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("its folder is marked: %v", err)
		}
		tr.close("c", "b", "a")
	})
}

// TestABackupOfAMemberIsThatOfANodeAlone goes back to it alone, and to a cluster of its own. The one that goes on takes
// no old folder.
func TestABackupOfAMemberIsThatOfANodeAlone(t *testing.T) {
	started(t, func(t *testing.T, tr *trip) {
		tr.has("a", "b", "c")
		if _, err := tr.nodes["b"].Backup("one"); err != nil {
			t.Fatal(err)
		}
		taken := tr.taken
		tr.takes("a", 2)
		disk := tr.nodes["b"].disk
		tr.nodes["d"] = &traveller{trip: tr, name: "d", disk: disk}
		restored := func(o *node.Options) { o.DataDir, o.ArchiveDir, o.FS = "backup/one/data", "backup/one/Archive", disk }
		both := func(change func(*node.Options)) func(*node.Options) {
			return func(o *node.Options) { restored(o); change(o) }
		}
		tr.refuses("d", both(together), "holds the journal of another node")
		tr.refuses("d", func(o *node.Options) { o.DataDir = "backup/one/data" }, "holds the journal of another node", "empty folder")
		tr.close("c", "b", "a")
		tr.taken = taken
		tr.open("d", both(alone))
		tr.has("d")
		tr.takes("d", 1)
		tr.close("d")
		tr.loseEngine()
		tr.nodes["e"] = &traveller{trip: tr, name: "e", disk: vfs.NewCrashableMem()}
		tr.open("d", both(founding(ledger.FoundOnce)))
		tr.nodes["d"].keepsSnapshot()
		tr.open("e", func(o *node.Options) { o.FS, o.DataDir, o.ArchiveDir = disk, "e", "backup/one/Archive" })
		tr.takes("e", 1)
		tr.has("d", "e")
		tr.close("e", "d")
	})
}
