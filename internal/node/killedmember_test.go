package node_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/internal/cluster"
	"meterledger/internal/faulttest"
	"meterledger/internal/ledger"
	"meterledger/internal/node"
)

var errCutOff = errors.New("the process was killed")

// killedAnywhere lets a node do something, once for each change that it makes of its marks on the two disks, and ends it
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
				if !isMark || !faulttest.Changes(op) {
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
		tr.close("a")
	}, func(tr *trip) error { return tr.leave("a") }, func(tr *trip) {
		tr.refuses("b", together, "node a has left")
		tr.open("a", alone)
		tr.has("a")
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
