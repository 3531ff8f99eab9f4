package node_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/internal/closing"
	"meterledger/internal/cluster"
	"meterledger/internal/faulttest"
	"meterledger/internal/ledger"
	"meterledger/internal/node"
)

var errCutOff = errors.New("the process was killed")

// killedAnywhere lets a node do something, once for each change that it makes of its marks and of what is kept of days on the two disks, and ends it
// as a power cut does right before that one. Then the same is done again, without a cut, and must bring the node to its end.
func killedAnywhere(t *testing.T, begin func(*trip), step func(*trip) error, end func(*trip)) {
	steps := 0
	for isCut := true; isCut; steps++ {
		traveling(t, "a b", func(t *testing.T, tr *trip) {
			begin(tr)
			x := tr.nodes["a"]
			disk, shared, n := x.disk.(*vfs.MemFS), tr.shared, 0
			var afterDisk, afterShared *vfs.MemFS
			kill := func(op errorfs.Op) error {
				isMark := strings.Contains(op.Path, cluster.MarkName) || op.Path == "data" || op.Path == "Archive"
				isKept := strings.Contains(op.Path, "/exceptions") || strings.Contains(op.Path, "/days")
				if !isMark && !isKept || !faulttest.Changes(op) {
					return nil
				}
				if n++; n <= steps {
					return nil
				}
				if afterDisk == nil {
					afterDisk, afterShared = faulttest.PowerCut(disk), faulttest.PowerCut(shared)
				}
				return errCutOff
			}
			x.disk, tr.mount = faulttest.Watch(disk, kill), func(fs vfs.FS) vfs.FS { return faulttest.Watch(fs, kill) }
			err := step(tr) // without the last mark of a stop nothing is amiss
			x.disk, tr.mount = disk, nil
			if isCut = afterDisk != nil; isCut {
				x.disk, tr.shared = afterDisk, afterShared
				err = step(tr)
			}
			if err != nil {
				t.Fatalf("cut off before change %d, the same again: %v", steps, err)
			}
			end(tr)
		})
		if t.Failed() {
			t.Fatalf("at change %d", steps)
		}
	}
	if steps < 3 {
		t.Errorf("there were only %d changes", steps)
	}
}

func TestLeavingThatIsCutOffAnywhereIsEndedByTheSameAgain(t *testing.T) {
	killedAnywhere(t, func(tr *trip) {
		tr.open("a", founding(ledger.FoundOnce))
		tr.takes("a", 2)
		tr.nodes["a"].findsGap()
		tr.close("a")
	}, func(tr *trip) error { return tr.leave("a") }, func(tr *trip) {
		tr.refuses("b", together, "node a has left")
		tr.open("a", alone)
		tr.has("a")
		tr.nodes["a"].knowsGap()
		tr.takes("a", 1)
		tr.close("a")
	})
}

func TestFoundingThatIsCutOffAnywhereIsEndedByTheSameAgain(t *testing.T) {
	for name, again := range map[string]bool{"once": false, "again": true} {
		t.Run(name, func(t *testing.T) {
			how := founding(ledger.Founding(name))
			killedAnywhere(t, func(tr *trip) {
				tr.open("a", alone)
				tr.takes("a", 2)
				tr.nodes["a"].findsGap()
				tr.close("a")
				if again {
					tr.open("a", founding(ledger.FoundOnce))
					tr.close("a")
					tr.loseEngine()
				}
			}, func(tr *trip) error {
				return tr.opensAndCloses("a", how)
			}, func(tr *trip) {
				tr.refuses("a", alone, "node a of the cluster test")
				tr.open("a", together)
				tr.open("b", together)
				tr.takes("b", 1)
				tr.has("a", "b")
				tr.nodes["a"].knowsGap()
				tr.nodes["b"].knowsGap()
				tr.close("b", "a")
			})
		})
	}
}

func TestHealingThatIsCutOffAnywhereIsEndedByTheSameAgain(t *testing.T) {
	killedAnywhere(t, func(tr *trip) {
		tr.open("a", founding(ledger.FoundOnce))
		then := tr.head()
		tr.takes("a", 3)
		tr.close("a")
		if err := tr.engine.RollBack(then); err != nil {
			tr.t.Fatal(err)
		}
	}, func(tr *trip) error {
		return tr.opensAndCloses("a", healing)
	}, func(tr *trip) {
		tr.open("a", together)
		tr.takes("a", 1)
		tr.has("a")
		tr.close("a")
	})
}

// opensAndCloses starts a node, which may fail, and stops it.
func (tr *trip) opensAndCloses(name string, change func(*node.Options)) error {
	n, err := node.Open(tr.t.Context(), tr.nodes[name].options(change))
	if err != nil {
		return err
	}
	return n.Close()
}

// bench is the node as other tests ask it.
func (x *traveller) bench() *bench {
	return &bench{Node: x.Node, t: x.trip.t, zone: loadZone(x.trip.t, "Asia/Singapore")}
}

// findsGap archives a day in which a meter has a gap.
func (x *traveller) findsGap() {
	x.trip.t.Helper()
	x.bench().register("gap")
	x.bench().uses("gap", day(time.November, 21), 1000, 100, 21, 22, 23)
	x.bench().archives(day(time.November, 21))
	x.knowsGap()
}

// knowsGap wants the node to know what findsGap found, and to have nothing of it half written or in two places.
func (x *traveller) knowsGap() {
	x.trip.t.Helper()
	x.bench().wantExceptions(x.name, closing.ExceptionsQuery{}, "gap MISSING 2026-11-21T10:00:00 to 2026-11-21T12:00:00: 2 open")
	var found []string
	for _, folder := range []string{"data/exceptions", "data/days", "Archive/exceptions", "Archive/days"} {
		disk := vfs.FS(x.trip.shared)
		if strings.HasPrefix(folder, "data") {
			disk = x.disk
		}
		names, _ := disk.List(folder) // none if there is no folder
		found = append(found, names...)
	}
	if slices.Sort(found); x.name == "a" && !slices.Equal(found, []string{"2026-11-21.csv", "2026-11-21.totals"}) {
		x.trip.t.Errorf("the folders hold %q", found)
	}
}
