package kill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"meterledger/api"
	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/drill/town"
	"meterledger/internal/tools/suite/programs"
)

const (
	// startTimeMax is about how long a start takes. A start that is killed is killed within it.
	startTimeMax = 150 * time.Millisecond
	// stopTimeMax is what a stop by SIGTERM may take: ten seconds for accepted requests, and some to write.
	stopTimeMax = 15 * time.Second
)

// how a cycle ends.
type how string

const (
	kill         how = "SIGKILL"
	stop         how = "SIGTERM"
	killStarting how = "SIGKILL twice" // the second time while it starts
)

// ending is how and when a cycle ends.
type ending struct {
	how      how
	after    time.Duration // of load
	patience time.Duration // with a start that is killed
}

func newEnding(chance *rand.Rand, longest time.Duration) ending {
	e := ending{how: kill, after: upTo(chance, longest), patience: upTo(chance, startTimeMax)}
	switch chance.IntN(10) {
	case 0, 1:
		e.how = stop
	case 2, 3:
		e.how = killStarting
	}
	return e
}

// upTo returns a random time below most.
func upTo(chance *rand.Rand, most time.Duration) time.Duration {
	return time.Duration(chance.Int64N(int64(most)))
}

// generation is what happens on one pair of folders.
type generation struct {
	*soak
	*town.Town
	folder    string
	output    *os.File // what the api prints
	reception reception
	program   *programs.Program // the api that runs, or ran last
}

// reception is what the operator was told of it last.
type reception struct{ on, sure bool }

func newGeneration(k *soak, folder string) (*generation, error) {
	t, err := town.New(time.Now(), k.findings, k.report.asks)
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(folder, 0o755); err != nil {
		return nil, err
	}
	output, err := os.Create(filepath.Join(folder, "api.log"))
	if err != nil {
		return nil, err
	}
	return &generation{soak: k, Town: t, folder: folder, output: output, reception: reception{on: true, sure: true}}, nil
}

func (g *generation) config() programs.Config {
	return programs.Config{
		BinDir: g.settings.bin, Out: g.output, Env: programs.Env(g.folder, town.Timezone),
		Args: map[programs.Name][]string{programs.API: strings.Fields(g.settings.apiArgs)},
	}
}

// start starts the api and returns how long it took until it was ready.
func (g *generation) start(ctx context.Context) (took time.Duration, err error) {
	started := time.Now()
	p, err := programs.StartProgram(ctx, g.config(), programs.API)
	if err == nil {
		g.program = p
	}
	return time.Since(started), err
}

// startAndKill starts the api and kills it after a while, whether it is ready or not.
func (g *generation) startAndKill(ctx context.Context, patience time.Duration) error {
	short, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	p, err := programs.StartProgram(short, g.config(), programs.API)
	switch {
	case err == nil:
		return p.Kill()
	case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		return nil
	}
	return err
}

// close ends an api that still runs.
func (g *generation) close() (err error) {
	if g.program != nil {
		err = g.program.Kill()
	}
	return errors.Join(err, g.output.Close())
}

// caller returns one of the api that runs. It asks once: an end is no reason to ask again.
func (g *generation) caller(url string) *caller.Caller {
	return &caller.Caller{Host: strings.TrimPrefix(url, "http://"), Impatient: true}
}

// cycle puts the api under load, ends it meanwhile, starts it and compares.
func (g *generation) cycle(ctx context.Context) (line cycle, err error) {
	line.ending = newEnding(g.chance, g.settings.load)
	before := g.Log.Counts()
	if err := g.underLoad(ctx, line.ending); err != nil {
		return line, err
	}
	after := g.Log.Counts()
	line.acknowledged, line.unanswered = after.Told-before.Told, after.Unanswered
	if line.ending.how == killStarting {
		if err := g.startAndKill(ctx, line.ending.patience); err != nil {
			return line, err
		}
	}
	if line.restart, err = g.start(ctx); err != nil {
		return line, err
	}
	if err := g.compare(ctx, g.program.URL); err != nil {
		return line, err
	}
	settled := g.Log.Counts()
	line.verified, line.accounts, line.found = settled.Told, settled.Accounts, settled.Told-after.Told
	return line, nil
}

// underLoad puts the api under load, and ends it meanwhile.
func (g *generation) underLoad(ctx context.Context, e ending) error {
	g.Ending.Store(false)
	o := &operator{g.worker(), g}
	if !g.reception.on { // the last end came while it was off
		if err := o.change(ctx, "resume", true); err != nil {
			return fmt.Errorf("resuming reception: %w", err)
		}
	}
	working, cancel := context.WithCancel(ctx)
	defer cancel()
	var callers sync.WaitGroup
	callers.Go(func() { o.work(working) })
	for range g.settings.workers {
		w := g.worker()
		callers.Go(func() { g.work(working, w, w.Step) })
	}
	_ = caller.Pause(ctx, e.after) // its end is told below
	g.Ending.Store(true)
	err := g.end(e)
	cancel() // only now: what was answered before the end counts
	callers.Wait()
	return errors.Join(err, ctx.Err())
}

func (g *generation) end(e ending) error {
	if e.how != stop {
		return g.program.Kill()
	}
	started := time.Now()
	if err := g.program.Stop(); err != nil {
		g.Findings.Misbehaved("%v", err)
	}
	if took := time.Since(started); took > stopTimeMax {
		g.Findings.Misbehaved("the api took %s to stop, at most %s are allowed", took, stopTimeMax)
	}
	return nil
}

func (g *generation) worker() *town.Worker {
	return &town.Worker{Town: g.Town, API: g.caller(g.program.URL), Chance: fork(g.chance)}
}

// work makes requests until ctx ends or the api does.
func (g *generation) work(ctx context.Context, w *town.Worker, step func(context.Context) error) {
	defer w.API.Close()
	for ctx.Err() == nil {
		if err := step(ctx); err != nil {
			if !g.Ending.Load() {
				g.Findings.Misbehaved("a running api gives %v", err)
			}
			return
		}
	}
}

func fork(chance *rand.Rand) *rand.Rand {
	return rand.New(rand.NewPCG(chance.Uint64(), chance.Uint64()))
}

// comparers is how many meters are fetched at the same time.
const comparers = 4

// compare holds everything against the log, reception too.
func (g *generation) compare(ctx context.Context, url string) error {
	callers := caller.Several(comparers, *g.caller(url))
	if err := g.compareReception(ctx, callers[0]); err != nil {
		return err
	}
	return g.Compare(ctx, callers)
}

// compareReception makes sure that a shutdown survives an end, and a resumption too.
func (g *generation) compareReception(ctx context.Context, asked *caller.Caller) error {
	var status api.MaintenanceStatus
	known, err := asked.Fetch(ctx, "/maintenance/status", nil, &status)
	if err != nil {
		return err
	}
	if !known {
		return errors.New("/maintenance/status is not there")
	}
	if g.reception.sure && status.IsReceivingData != g.reception.on {
		g.Findings.Misbehaved("reception is on: %v, though the operator was told %v", status.IsReceivingData, g.reception.on)
	}
	g.reception = reception{status.IsReceivingData, true}
	return nil
}

// finish has everything archived, and compares the files too.
func (g *generation) finish(ctx context.Context) error {
	found, err := g.Finish(ctx, g.caller(g.program.URL), programs.ArchiveDir(g.folder), g.program.Stop)
	g.report.files += found.Files
	g.report.rows += found.Rows
	return err
}
