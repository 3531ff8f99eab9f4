package node_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/clustertest"
	"meterledger/internal/durable"
	"meterledger/internal/faulttest"
	"meterledger/internal/meter"
)

// The simulation is the proof that several nodes keep one order. Three nodes run in one process, by the
// time of a bubble of testing/synctest: each on a disk of its own that crashes, all beside one archive
// folder, with an engine and a network in memory that fail. Callers ask any node for anything, while
// machines are killed, connections break and terms are stolen. In the end all faults are mended, and every
// answer that was given is held against the one order that the engine has.
//
// What befalls a run follows from its seed, but for what goroutines do at one and the same moment.

// seedsUsual is how many seeds a usual run of the tests goes through; a part of them under the race detector.
const seedsUsual = 300

// seeds returns which ones to go through: one of SEED, or SEEDS of them from 1 on.
func seeds(t *testing.T) (first, last uint64) {
	t.Helper()
	number := func(name string, otherwise uint64) uint64 {
		text, found := os.LookupEnv(name)
		n, err := strconv.ParseUint(text, 10, 64)
		if found && err != nil {
			t.Fatal(err)
		}
		if !found {
			return otherwise
		}
		return n
	}
	if one := number("SEED", 0); one != 0 {
		return one, one
	}
	return 1, number("SEEDS", seedsUsual/uint64(faulttest.Every(1)))
}

func TestThreeNodesKeepOneOrderWhateverIsDoneToThem(t *testing.T) {
	first, last := seeds(t)
	t.Setenv("GODEBUG", os.Getenv("GODEBUG")+",tracebacklabels=1") // so that a panic says how to see it again
	counted := &census{counts: make(map[event]int)}
	t.Cleanup(func() { counted.check(t, last-first+1) })
	for seed := first; seed <= last; seed++ {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			pprof.Do(t.Context(), pprof.Labels("again", again(t, seed)), func(context.Context) {
				if isFailfast() && counted.failed.Load() {
					t.Skip("another seed has failed")
				}
				synctest.Test(t, func(t *testing.T) { simulate(t, seed, first == last, counted) })
			})
		})
	}
}

// simulation is a run of one seed.
type simulation struct {
	t       *testing.T
	seed    uint64
	luck    *rand.Rand // of what is done to the nodes
	zone    *meter.Zone
	log     *slog.Logger
	isTold  bool // by the test what is done
	began   time.Time
	engine  *clustertest.Engine
	network *clustertest.Network
	archive *vfs.MemFS // that all nodes share

	snapshotBytes int64
	keepMax       int64
	census        *census
	corrected     map[request]bool // readings, in the end
	wiped         *host            // whose disk may be lost, as no other may at the same time

	isLost  bool // the engine has lost what nodes have
	still   []stillness
	wasFull bool // a disk

	machines []*host
	calls    sync.WaitGroup

	mu     sync.Mutex // guards all below
	ends   []mark
	terms  map[uint64]uint64 // in which a node began to lead, by the sequence of the batch that is its first or of a later term
	steps  []string
	faults []string
	asked  []*question
}

// again says how to go through a seed alone. A panic says it too, by the label of its goroutine.
func again(t *testing.T, seed uint64) string {
	return fmt.Sprintf("SEED=%d go test -count=1 -v -run %s ./internal/node", seed, strings.Split(t.Name(), "/")[0])
}

func isFailfast() bool {
	f := flag.Lookup("test.failfast")
	return f != nil && f.Value.String() == "true"
}

func (s *simulation) saw(e event) { s.census.saw(e) }

func simulate(t *testing.T, seed uint64, alone bool, counted *census) {
	s := &simulation{
		t: t, census: counted, terms: make(map[uint64]uint64), seed: seed, luck: rand.New(rand.NewPCG(seed, 0)), zone: loadZone(t, "Asia/Singapore"), log: slog.New(slog.DiscardHandler), began: time.Now(),
		engine: clustertest.NewEngine(seed), network: clustertest.NewNetwork(seed), archive: vfs.NewCrashableMem(),
	}
	if alone {
		s.log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	s.isTold = s.log.Handler() != slog.DiscardHandler
	s.log = slog.New(suspicious{s.log.Handler(), s})
	for _, name := range []string{"a", "b", "c"} {
		s.machines = append(s.machines, &host{name: name, disk: vfs.NewCrashableMem()})
	}
	s.snapshotBytes = []int64{0, 500, 3000}[s.luck.IntN(3)]
	s.keepMax = []int64{0, 2000, 20_000}[s.luck.IntN(3)]
	s.wiped = s.machines[s.luck.IntN(3)]
	if err := durable.MakeFolder(s.archive, "Archive"); err != nil { // where all have mounted it
		t.Fatal(err)
	}
	for _, m := range s.machines {
		m.faults = calm
		s.start(m)
	}
	callers := s.startCallers()
	s.doAll()
	close(callers)
	s.mend()
	switch {
	case !answered(&s.calls):
		s.isFault("callers wait for answers %v after all faults were mended", healthyAfter)
	case len(s.faults) == 0:
		s.checkAll()
	}
	for _, m := range s.machines {
		switch {
		case m.process == nil:
		case len(s.faults) > 0:
			s.kill(m, 100) // it may be stuck
		default:
			s.stop(m)
		}
	}
	if !answered(&s.calls) {
		s.isFault("a process that was killed does not end")
	}
	s.report()
	time.Sleep(time.Minute) // until nothing is late any more
}

// answered waits until callers have their answers, and reports whether they come.
func answered(calls *sync.WaitGroup) bool {
	done := make(chan struct{})
	go func() {
		calls.Wait()
		close(done)
	}()
	select {
	case <-done:
		return true
	case <-time.After(healthyAfter):
		return false
	}
}

// suspicious finds what a node says in its log that it never has to.
type suspicious struct {
	slog.Handler
	of *simulation
}

func (h suspicious) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelError || h.Handler.Enabled(ctx, l)
}

func (h suspicious) Handle(ctx context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "refuses what this node proposes") {
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "error" {
				h.of.isFault("a leader refuses what a node proposes: %v", a.Value)
			}
			return true
		})
	}
	return h.Handler.Handle(ctx, r)
}

func (h suspicious) WithAttrs(attrs []slog.Attr) slog.Handler {
	return suspicious{h.Handler.WithAttrs(attrs), h.of}
}

// now is the time at which nodes are.
func (s *simulation) now() time.Time { return now.Add(time.Since(s.began)) }

// did notes what was done.
func (s *simulation) did(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps = append(s.steps, fmt.Sprintf("%9.3f s  ", time.Since(s.began).Seconds())+fmt.Sprintf(format, args...))
	if s.isTold {
		s.t.Log(s.steps[len(s.steps)-1])
	}
}

// isFault notes what must not be.
func (s *simulation) isFault(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, fmt.Sprintf(format, args...))
}

// report fails the test if there was a fault, and tells how to see it again.
func (s *simulation) report() {
	const most = 10
	if len(s.faults) == 0 {
		return
	}
	s.census.failed.Store(true)
	s.t.Errorf("%s\n%s\n%d faults:\n%s", again(s.t, s.seed), strings.Join(s.steps, "\n"), len(s.faults), strings.Join(s.faults[:min(most, len(s.faults))], "\n"))
}
