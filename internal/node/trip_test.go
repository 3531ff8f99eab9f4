package node_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

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
