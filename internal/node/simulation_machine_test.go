package node_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/internal/cluster"
	"meterledger/internal/clustertest"
	"meterledger/internal/faulttest"
	"meterledger/internal/ledger"
	"meterledger/internal/node"
)

// host is one of those that nodes run on.
type host struct {
	name   string
	disk   *vfs.MemFS         // its own
	lives  uint64             // processes so far
	faults clustertest.Faults // of its connection to the engine

	mu       sync.Mutex // held while process is set, and by callers
	*process            // that runs; nil while none does
}

// take returns the process for a call, which the caller says is done; nil if none runs.
func (m *host) take() *process {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.process != nil {
		m.process.calls.Add(1)
	}
	return m.process
}

// set makes a process the one that is asked, and returns the one before.
func (m *host) set(p *process) (before *process) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before, m.process = m.process, p
	return before
}

// process is a node that runs.
type process struct {
	*node.Node
	client *clustertest.Client
	killed atomic.Bool
	calls  sync.WaitGroup // under way
	slow   atomic.Int64   // in ns: what a change in the archive folder takes at most

	mu   sync.Mutex // guards luck
	luck *rand.Rand
}

var errKilled = errors.New("the process was killed")

// start starts a node on a machine.
func (s *simulation) start(m *host) {
	m.lives++
	p := &process{client: s.engine.Client(fmt.Sprint(m.name, m.lives)), luck: rand.New(rand.NewPCG(s.seed, m.lives<<8|uint64(m.name[0])))}
	p.slow.Store([]int64{0, 0, 1e8, 2e9}[p.luck.IntN(4)])
	p.client.Set(m.faults)
	ctx, done := context.WithTimeout(context.Background(), healthyAfter)
	defer done()
	n, err := node.Open(ctx, node.Options{
		FS: mountedFS{m.disk, faulttest.Watch(s.archive, p.reachesArchive)}, DataDir: "data", ArchiveDir: "Archive", BackupDir: "backup",
		Zone: s.zone, Now: s.now, Log: s.log.With(slog.String("at", m.name)), Holder: "a test", RefusalsMax: 1000, SnapshotBytes: s.snapshotBytes,
		Shared: &ledger.Shared{
			Engine: mortalEngine{p.client, &p.killed}, Peers: mortalPeers{s.network.Peers(m.name), &p.killed}, Founding: foundedBy(m.name),
			Self: cluster.Node{Name: m.name, Incarnation: s.seed<<16 | m.lives<<8 | uint64(m.name[0]), Address: m.name},
		},
	})
	if err != nil {
		s.did("%s does not start: %v", m.name, err)
		return
	}
	p.Node = n
	m.set(p)
	s.network.Serve(m.name, served{n.Ledger})
	s.did("%s started", m.name)
}

// kill ends a node as a power cut does, which keeps some of what was not synced.
func (s *simulation) kill(m *host, percent int) {
	s.cutOff(m, m.set(nil), percent)
}

func (s *simulation) cutOff(m *host, p *process, percent int) {
	p.killed.Store(true)
	p.client.Close()
	s.network.Serve(m.name, nil)
	m.disk = faulttest.Torn(m.disk, percent, s.luck.Uint64())
	s.did("%s killed, %d %% kept", m.name, percent)
	s.calls.Go(func() {
		p.calls.Wait()
		_ = p.Node.Close()
	})
}

// revive starts nodes again that have ended by themselves, as one may that lies too far behind.
func (s *simulation) revive() {
	for _, m := range s.machines {
		if m.process == nil || m.Failure() == nil {
			continue
		}
		if err := m.Failure(); !strings.Contains(err.Error(), "lies behind what was cut") {
			s.isFault("%s has ended: %v", m.name, err)
		}
		s.did("%s has ended: %v", m.name, m.Failure())
		s.kill(m, 100)
		s.start(m)
	}
}

// wipe takes the disk of a machine on which nothing runs away, and gives it an empty one.
func (s *simulation) wipe(m *host) {
	m.disk = vfs.NewCrashableMem()
	s.did("%s has an empty disk", m.name)
}

// stop ends a node as an operator does: callers get their answers before, if they come in time.
func (s *simulation) stop(m *host) {
	p := m.set(nil)
	if !answered(&p.calls) {
		s.cutOff(m, p, 100)
		return
	}
	s.network.Serve(m.name, nil)
	closed := make(chan error, 1)
	go func() { closed <- p.Node.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			s.isFault("%s was stopped: %v", m.name, err)
		}
	case <-time.After(healthyAfter):
		s.isFault("%s does not stop", m.name)
	}
	p.client.Close()
	p.killed.Store(true)
	s.did("%s stopped", m.name)
}

// mortalEngine is how a process reaches the engine. Once it was killed it is as if that were another
// one, at which a node ends whatever it is about.
type mortalEngine struct {
	*clustertest.Client
	killed *atomic.Bool
}

func (e mortalEngine) View(ctx context.Context) (cluster.View, error) {
	v, err := e.Client.View(ctx)
	if e.killed.Load() {
		return cluster.View{}, nil
	}
	return v, err
}

// mortalPeers is how a process reaches others, until it is killed.
type mortalPeers struct {
	cluster.Peers
	killed *atomic.Bool
}

func (p mortalPeers) Propose(ctx context.Context, q cluster.Proposal) error {
	if p.killed.Load() {
		return errKilled
	}
	return p.Peers.Propose(ctx, q)
}

// reachesArchive takes its time, and fails once the process is killed.
func (p *process) reachesArchive(op errorfs.Op) error {
	if slow := p.slow.Load(); faulttest.Changes(op) && slow > 0 {
		p.mu.Lock()
		pause := time.Duration(p.luck.Int64N(slow))
		p.mu.Unlock()
		time.Sleep(pause)
	}
	if p.killed.Load() {
		return errKilled
	}
	return nil
}
