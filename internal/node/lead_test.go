package node_test

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/internal/cluster"
	"meterledger/internal/clustertest"
	"meterledger/internal/faulttest"
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
)

// mountedFS is a node's own disk, with another one mounted as the archive folder.
type mountedFS struct {
	vfs.FS
	archive vfs.FS
}

func (f mountedFS) of(path string) vfs.FS {
	if strings.HasPrefix(path, "Archive") {
		return f.archive
	}
	return f.FS
}

func (f mountedFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.of(name).Create(name, c)
}

func (f mountedFS) Open(name string, o ...vfs.OpenOption) (vfs.File, error) {
	return f.of(name).Open(name, o...)
}

func (f mountedFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	return f.of(name).OpenReadWrite(name, c, o...)
}
func (f mountedFS) Lock(name string) (io.Closer, error)          { return f.of(name).Lock(name) }
func (f mountedFS) OpenDir(name string) (vfs.File, error)        { return f.of(name).OpenDir(name) }
func (f mountedFS) Remove(name string) error                     { return f.of(name).Remove(name) }
func (f mountedFS) Rename(from, to string) error                 { return f.of(from).Rename(from, to) }
func (f mountedFS) List(name string) ([]string, error)           { return f.of(name).List(name) }
func (f mountedFS) Stat(name string) (vfs.FileInfo, error)       { return f.of(name).Stat(name) }
func (f mountedFS) MkdirAll(name string, m os.FileMode) error    { return f.of(name).MkdirAll(name, m) }
func (f mountedFS) GetDiskUsage(n string) (vfs.DiskUsage, error) { return f.of(n).GetDiskUsage(n) }

// seat is a node of several in a test: what it reaches the others and the shared disk by.
type seat struct {
	*bench
	of        *seats
	name      string
	engine    *clustertest.Client
	processes uint64 // so far
}

// seats are two nodes on one order and one archive folder.
type seats struct {
	t       *testing.T
	engine  *clustertest.Engine
	network *clustertest.Network
	disk    *vfs.MemFS // of the archive folder
	a, b    *seat      // a leads at first
}

// served is what a node answers its peers.
type served struct{ *ledger.Ledger }

func (s served) Snapshot(to io.Writer) error { return s.SnapshotTo(to) }

// newSeats founds an order of two nodes, of which the first leads, on what is known to the first.
// Each operation of the first one in the archive folder is told to at.
func newSeats(t *testing.T, at func(errorfs.Op) error) *seats {
	t.Helper()
	s := &seats{t: t, engine: clustertest.NewEngine(1), network: clustertest.NewNetwork(1), disk: vfs.NewMem()}
	s.a = s.seat("a", faulttest.Watch(s.disk, at))
	s.b = s.seat("b", s.disk)
	s.a.shared = nil
	s.a.open()
	s.a.close()
	s.a.sit()
	s.leads(s.a)
	s.b.sit()
	return s
}

func (s *seats) seat(name string, disk vfs.FS) *seat {
	s.t.Helper()
	return &seat{of: s, name: name, bench: &bench{
		t: s.t, fs: mountedFS{vfs.NewMem(), disk}, zone: loadZone(s.t, "Asia/Singapore"), now: now,
	}}
}

// foundedBy lets the first of several nodes found their order.
func foundedBy(name string) ledger.Founding {
	if name == "a" {
		return ledger.FoundOnce
	}
	return ledger.FoundNever
}

// sit starts a process of the node.
func (x *seat) sit() {
	x.t.Helper()
	x.processes++
	x.engine = x.of.engine.Client(x.name)
	x.shared = &ledger.Shared{
		Engine: x.engine, Peers: x.of.network.Peers(x.name), Cluster: "test", Founding: foundedBy(x.name),
		Self: cluster.Node{Name: x.name, Incarnation: uint64(x.name[0])<<8 + x.processes, Address: x.name},
	}
	x.open()
	x.of.network.Serve(x.name, served{x.Ledger})
}

// leads waits until a node leads.
func (s *seats) leads(x *seat) {
	for range 10_000 {
		if _, _, leads := x.Lead(); leads {
			return
		}
		time.Sleep(10 * time.Millisecond) // of the bubble
	}
	panic(x.name + " does not lead")
}

// part cuts the first node off, or joins it again.
func (s *seats) part(link clustertest.Link) {
	s.a.engine.Set(clustertest.Faults{Link: link})
	s.network.Set("a", "b", clustertest.Faults{Link: link})
	s.network.Set("b", "a", clustertest.Faults{Link: link})
}

func (s *seats) end() {
	s.t.Helper()
	s.a.close()
	s.b.close()
}

// catchUp brings both nodes to the end of the order, and wants both to know the same. What a node
// still writes by itself may come in between.
func (s *seats) catchUp() {
	s.t.Helper()
	for range 10 {
		for _, x := range []*seat{s.a, s.b} {
			if err := x.Ledger.Confirm(s.t.Context()); err != nil {
				s.t.Errorf("%s does not catch up: %v", x.name, err)
			}
		}
		if s.a.Store().Hash() == s.b.Store().Hash() {
			return
		}
		time.Sleep(time.Second) // of the bubble
	}
	s.t.Error("the nodes know different things")
}

func TestOnlyTheNodeThatLeadsRunsMaintenance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSeats(t, func(errorfs.Op) error { return nil })
		defer s.end()
		s.a.register("A", "B", "C")
		s.a.recordRows(sceneRows)
		var refused *meter.Error
		if _, err := s.b.Start(october); !errors.As(err, &refused) || refused.Code != meter.CodeNotReady || refused.RetryAfter != time.Second {
			t.Errorf("the other node says %v", err)
		}
		s.a.mustMaintain(october)
		s.catchUp()
		if got, want := s.b.points("A", "B", "C"), s.a.points("A", "B", "C"); !slices.Equal(got, want) || len(got) != len(sceneRows) {
			t.Errorf("the other node knows\n%q, and the one that leads\n%q", got, want)
		}
		hold, stands := s.b.Store().Hold()
		if names, err := s.disk.List("Archive"); err != nil || stands || slices.ContainsFunc(names, isTemporary) {
			t.Errorf("%+v stands, the folder holds %q, %v", hold, names, err)
		}
	})
}

func isTemporary(name string) bool { return strings.HasSuffix(name, ".tmp") }
