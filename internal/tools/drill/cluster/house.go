package cluster

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"meterledger/internal/etcd"
	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/drill/town"
	"meterledger/internal/tools/suite/programs"
)

const (
	nodes = 3
	// patience is how long a caller sends the same again, to one node after the other, and silenceMax how long it
	// waits for an answer before it does.
	patience   = 15 * time.Second
	silenceMax = 3 * time.Second
	// archiveEvery is how long the operator pauses at most.
	archiveEvery = time.Second / 2
	// wellMax is within what time everything must be well again by itself.
	wellMax = 30 * time.Second
	// calm is how long callers work before something happens and once everything is well again.
	calm = time.Second
)

// house is a cluster on folders of its own, and the town whose readings it keeps.
type house struct {
	*drill
	*town.Town
	*programs.Cluster

	folder  string
	log     *os.File // what the programs print
	network *network
	engine  *etcd.Engine     // by which it is seen how far nodes have come
	etcd    *clientv3.Client // of the members
	again   atomic.Int64     // how often something was sent again
}

func newHouse(ctx context.Context, d *drill, folder string) (h *house, err error) {
	h = &house{drill: d, folder: folder, network: newNetwork(ownerOf)}
	if h.Town, err = town.New(time.Now(), d.findings, h.asks); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	if h.log, err = os.Create(filepath.Join(folder, "programs.log")); err != nil {
		return nil, err
	}
	mountSmallDisk(h.smallDisk()) // else nothing is filled up
	h.Cluster, err = programs.StartCluster(ctx, programs.ClusterConfig{
		Config: programs.Config{
			BinDir: d.settings.bin, Etcd: d.settings.etcd, Out: h.log, Env: programs.Env(folder, town.Timezone),
			Args: map[programs.Name][]string{
				programs.API:  {"-snapshot-size", "1MiB", "-snapshot-interval", "2s", "-disk-free-min", "16MiB"},
				programs.Etcd: {"--quota-backend-bytes", "33554432"},
			},
		},
		Folder: folder, Nodes: nodes, Via: h.network.via,
	})
	if err == nil {
		err = h.connect()
	}
	if err != nil {
		return nil, errors.Join(err, h.network.err, h.close())
	}
	return h, nil
}

func (h *house) connect() (err error) {
	var endpoints []string
	for _, p := range h.Members {
		endpoints = append(endpoints, p.Host())
	}
	if h.engine, err = etcd.Open(etcd.Options{Endpoints: endpoints, Cluster: "meterledger"}); err == nil {
		h.etcd, err = clientv3.New(clientv3.Config{Endpoints: endpoints, Logger: zap.NewNop()})
	}
	return err
}

func (h *house) close() (err error) {
	if h.Cluster != nil {
		err = h.Kill()
	}
	if h.etcd != nil {
		err = errors.Join(err, h.engine.Close(), h.etcd.Close())
	}
	h.network.close()
	unmount(h.smallDisk())
	return errors.Join(err, h.log.Close())
}

// dataDir is the data folder of a node or a member.
func (h *house) dataDir(p *programs.Program) string {
	folder := filepath.Join(h.folder, string(p.Name))
	if isMember(p) {
		return folder
	}
	return programs.DataDir(folder)
}

// caller returns one that sends the same to one node after the other, beginning with number first.
func (h *house) caller(first int) *caller.Caller {
	at := first % nodes
	return &caller.Caller{
		Host: h.APIs[at].Host(), Patience: patience, AnswerMax: silenceMax,
		Again: func() { h.again.Add(1) },
		Next: func() string {
			at = (at + 1) % nodes
			return h.APIs[at].Host()
		},
	}
}

func (h *house) asks(string) (answered func(string)) {
	began := time.Now()
	return func(string) { h.waits.Record(time.Since(began)) }
}

// live lets one thing happen under load, waits until everything is well, and compares.
func (h *house) live(ctx context.Context) error {
	s := &strike{house: h, nemesis: h.next(), chance: rand.New(rand.NewPCG(h.settings.seed, uint64(h.cycle)))}
	before, again := h.Log.Counts().Told, h.again.Load()
	stop := h.load(ctx, s.chance)
	_ = caller.Pause(ctx, calm)
	striking, cancel := context.WithTimeout(ctx, wellMax+h.settings.longest)
	err := s.nemesis.strike(striking, s)
	cancel()
	h.network.set(nil)
	h.struck[s.nemesis.name]++
	began := time.Now()
	if err == nil {
		err = h.recover(ctx, s)
	}
	took := time.Since(began)
	h.back.Record(took)
	if err == nil {
		_ = caller.Pause(ctx, calm)
	}
	stop()
	if err = errors.Join(err, ctx.Err()); err == nil {
		err = h.recover(ctx, s) // it may have ended since
	}
	if err == nil {
		err = h.compareNodes(ctx)
	}
	told := h.Log.Counts().Told
	h.told += told - before
	h.say("%5d  %-22s %-34s well after %6dms  acknowledged %6d  sent again %4d", h.cycle, s.nemesis.name, s.detail, took.Milliseconds(), told-before, h.again.Load()-again)
	if err != nil || h.findings.Err() != nil {
		return errors.Join(fmt.Errorf("%s (%s)", s.nemesis.name, s.detail), err)
	}
	return nil
}

// load has callers and an operator work until stop is called, which returns when all were answered.
func (h *house) load(ctx context.Context, chance *rand.Rand) (stop func()) {
	var over atomic.Bool
	var group sync.WaitGroup
	work := func(n int, step func(*town.Worker) error) {
		w := &town.Worker{Town: h.Town, API: h.caller(n), Chance: rand.New(rand.NewPCG(chance.Uint64(), 0))}
		group.Go(func() {
			defer w.API.Close()
			for !over.Load() && ctx.Err() == nil {
				if err := step(w); err != nil && ctx.Err() == nil {
					h.Findings.Misbehaved("cycle %d: a caller that tries for %s gets %v", h.cycle, patience, err)
				}
			}
		})
	}
	for n := range h.settings.workers {
		work(n, func(w *town.Worker) error { return w.Step(ctx) })
	}
	work(0, func(w *town.Worker) error {
		_ = caller.Pause(ctx, time.Duration(w.Chance.Int64N(int64(archiveEvery)))) // else no reading of a month gets in between
		return w.Archive(ctx)
	})
	return func() {
		over.Store(true)
		group.Wait()
	}
}

// recover starts what has ended, and waits until every node takes readings.
func (h *house) recover(ctx context.Context, s *strike) error {
	ctx, cancel := context.WithTimeoutCause(ctx, wellMax, fmt.Errorf("not everything is well again within %s", wellMax))
	defer cancel()
	for {
		for _, p := range h.All() {
			if !p.Runs() && !s.ends(p) {
				h.Findings.Misbehaved("cycle %d: %v", h.cycle, p.Wait(context.Background()))
			}
		}
		err := h.Start(ctx)
		for _, p := range h.APIs {
			asked := &caller.Caller{Host: p.Host(), Impatient: true, AnswerMax: silenceMax}
			_, notReady := asked.Fetch(ctx, "/readyz", url.Values{"for": {"readings"}}, &struct{}{})
			asked.Close()
			err = errors.Join(err, notReady)
		}
		if err == nil {
			return nil
		}
		if caller.Pause(ctx, 50*time.Millisecond) != nil {
			return errors.Join(context.Cause(ctx), err)
		}
	}
}
