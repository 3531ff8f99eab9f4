package node_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/chain"
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
	full   atomic.Bool        // the disk is
	heals  bool               // the next process heals the engine

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
	saw    func(event)
	leads  func(cluster.View) // is told what it was told when it began to lead
	killed atomic.Bool
	calls  sync.WaitGroup // under way
	slow   atomic.Int64   // in ns: what a change in the archive folder takes at most
	cut    uint64         // where this process has cut the order; touched by one goroutine

	// unheard is where the order ends if the batch was added of which no answer came; nil once that is known.
	unheard atomic.Pointer[chain.Position]

	mu    sync.Mutex // guards all below
	luck  *rand.Rand
	hangs *hang // the next file that is to take its place; nil for none
}

// skewMax is by how much clocks of nodes may be off: two of them differ by less than a minute then, which a node must
// take.
const skewMax = 29 * time.Second

// start starts a node on a machine.
func (s *simulation) start(m *host) {
	m.lives++
	p := &process{client: s.engine.Client(fmt.Sprint(m.name, m.lives)), saw: s.census.saw, leads: s.noteLead, luck: rand.New(rand.NewPCG(s.seed, m.lives<<8|uint64(m.name[0])))}
	p.slow.Store([]int64{0, 0, 1e8, 2e9}[p.luck.IntN(4)])
	p.client.Set(m.faults)
	skew := time.Duration(p.luck.Int64N(int64(2*skewMax)+1)) - skewMax
	ctx, done := context.WithTimeout(context.Background(), healthyAfter)
	defer done()
	n, err := node.Open(ctx, node.Options{
		FS: mountedFS{smallDisk{m.disk, m}, cache(faulttest.Watch(s.archive, p.reachesArchive), "Archive")}, DataDir: "data", ArchiveDir: "Archive", BackupDir: "backup",
		Zone: s.zone, Now: func() time.Time { return s.now().Add(skew) }, DiskFreeMin: diskFreeMin, Log: s.log.With(slog.String("at", m.name)), Holder: "a test", RefusalsMax: 1000, SnapshotBytes: s.snapshotBytes,
		Shared: &ledger.Shared{
			Engine: mortalEngine{p.client, p}, Peers: mortalPeers{s.network.Peers(m.name), p}, Cluster: "test", Founding: foundedBy(m.name), Heal: m.heals, CutEvery: time.Second,
			KeepMin: 1, KeepMax: s.keepMax,
			Self: cluster.Node{Name: m.name, Incarnation: s.seed<<16 | m.lives<<8 | uint64(m.name[0]), Address: m.name},
		},
	})
	if err != nil {
		s.did("%s does not start: %v", m.name, err)
		return
	}
	p.Node = n
	m.set(p)
	s.network.Serve(m.name, answering{served{n.Ledger}, p})
	s.did("%s started, its clock is %v off", m.name, skew)
	if skew.Abs() > skewMax/2 {
		s.saw(skewedEvent)
	}
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
	s.saw(killedEvent)
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
		switch err := m.Failure(); {
		case strings.Contains(err.Error(), "lies behind what was cut"):
			s.saw(leftBack)
		case s.isLost && strings.Contains(err.Error(), "brought back from an older copy"):
		default:
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
	s.saw(wipedEvent)
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
	s.saw(stoppedEvent)
}
