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

	"github.com/dsnet/try"

	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/suite/programs"
	"meterledger/internal/tools/witness"
)

const (
	// startTimeMax is about how long a start takes; what is killed while it starts is
	// killed within it.
	startTimeMax = 150 * time.Millisecond
	// stopTimeMax is how long a stop by SIGTERM may take: ten seconds for what was
	// accepted, and some for what is left to write.
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
	folder    string
	output    *os.File // what the api prints
	calendar  *calendar
	fleet     *fleet
	log       *witness.Log
	reception reception
	program   *programs.Program // the api that runs, or ran last
}

// reception is what the operator was told of it last.
type reception struct{ on, sure bool }

func newGeneration(k *soak, folder string) (g *generation, err error) {
	defer try.Handle(&err)
	try.E(os.Mkdir(folder, 0o755))
	c := try.E1(newCalendar(time.Now()))
	return &generation{
		soak: k, folder: folder, output: try.E1(os.Create(filepath.Join(folder, "api.log"))), calendar: c,
		fleet: &fleet{calendar: c}, log: witness.New(), reception: reception{on: true, sure: true},
	}, nil
}

func (g *generation) archiveDir() string { return filepath.Join(g.folder, "Archive") }

// config is for an api of its own, whatever the environment says.
func (g *generation) config() programs.Config {
	return programs.Config{
		BinDir: g.settings.bin, Out: g.output, Args: map[programs.Name][]string{programs.API: strings.Fields(g.settings.apiArgs)},
		Env: []string{
			"API_ADDR=127.0.0.1:0", "DATA_DIR=" + filepath.Join(g.folder, "data"), "ARCHIVE_DIR=" + g.archiveDir(),
			"TIMEZONE=" + timezone, "LOG_FORMAT=text", "LOG_LEVEL=info", "RATE_LIMIT=0",
		},
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

// startInVain starts the api and kills it after a while, whether it is ready or not.
func (g *generation) startInVain(ctx context.Context, patience time.Duration) error {
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

// cycle is load, an end in the midst of it, a start, and the comparison.
func (g *generation) cycle(ctx context.Context) (line cycle, err error) {
	defer try.Handle(&err)
	line.ending = newEnding(g.chance, g.settings.load)
	before := g.log.Counts()
	try.E(g.underLoad(ctx, line.ending))
	line.slowest = g.tally.lap()
	after := g.log.Counts()
	line.acknowledged, line.unanswered = after.Told-before.Told, after.Unanswered
	if line.ending.how == killStarting {
		try.E(g.startInVain(ctx, line.ending.patience))
	}
	line.restart = try.E1(g.start(ctx))
	try.E(g.compare(ctx, g.program.URL))
	settled := g.log.Counts()
	line.verified, line.accounts, line.found = settled.Told, settled.Accounts, settled.Told-after.Told
	return line, nil
}

// underLoad puts the api under load, and ends it in the midst of it.
func (g *generation) underLoad(ctx context.Context, e ending) error {
	l := &load{generation: g}
	o := &operator{worker{l, g.caller(g.program.URL), fork(g.chance)}}
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
		w := &worker{l, g.caller(g.program.URL), fork(g.chance)}
		callers.Go(func() { w.work(working, w.step) })
	}
	_ = caller.Pause(ctx, e.after) // its end is told below
	l.ending.Store(true)
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
		g.findings.Misbehaved("%v", err)
	}
	if took := time.Since(started); took > stopTimeMax {
		g.findings.Misbehaved("the api took %s to stop, at most %s are allowed", took, stopTimeMax)
	}
	return nil
}

func fork(chance *rand.Rand) *rand.Rand {
	return rand.New(rand.NewPCG(chance.Uint64(), chance.Uint64()))
}
