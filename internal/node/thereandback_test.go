package node_test

import (
	"context"
	"errors"
	"os"
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
