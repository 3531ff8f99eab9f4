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

	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/suite/programs"
	"meterledger/internal/tools/witness"
)

// stopTimeMax is how long a stop by SIGTERM may take: ten seconds for what was
// accepted, and some for what is left to write.
const stopTimeMax = 15 * time.Second

// generation is what happens on one pair of folders.
type generation struct {
	settings  settings
	folder    string
	output    *os.File // what the api prints
	calendar  *calendar
	fleet     *fleet
	log       *witness.Log
	reception *reception
	tally     *tally
	findings  *witness.Findings
	program   *programs.Program // the api that runs, or ran last
}

func newGeneration(s settings, folder string, t *tally, f *witness.Findings) (*generation, error) {
	if err := os.Mkdir(folder, 0o755); err != nil {
		return nil, fmt.Errorf("making a folder for the api: %w", err)
	}
	c, err := newCalendar(time.Now())
	if err != nil {
		return nil, err
	}
	output, err := os.Create(filepath.Join(folder, "api.log"))
	if err != nil {
		return nil, fmt.Errorf("making the api's log: %w", err)
	}
	return &generation{
		settings: s, folder: folder, output: output, calendar: c, fleet: &fleet{calendar: c}, log: witness.New(),
		reception: &reception{on: true, sure: true}, tally: t, findings: f,
	}, nil
}

func (g *generation) archiveDir() string { return filepath.Join(g.folder, "Archive") }

// config is for an api of its own, whatever the environment says.
func (g *generation) config() programs.Config {
	return programs.Config{
		BinDir: g.settings.bin, Out: g.output, Args: g.settings.args(),
		Env: []string{
			"API_ADDR=127.0.0.1:0", "DATA_DIR=" + filepath.Join(g.folder, "data"), "ARCHIVE_DIR=" + g.archiveDir(),
			"TIMEZONE=" + timezone, "LOG_FORMAT=text", "LOG_LEVEL=info", "RATE_LIMIT=0",
		},
	}
}

// start starts the api and returns how long it took until it was ready.
func (g *generation) start(ctx context.Context) (time.Duration, error) {
	started := time.Now()
	var err error
	if g.program, err = programs.StartProgram(ctx, g.config(), programs.API); err != nil {
		return 0, err
	}
	return time.Since(started), nil
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
func (g *generation) close() error {
	var err error
	if g.program != nil {
		err = g.program.Kill()
	}
	return errors.Join(err, g.output.Close())
}

// caller returns one of the api that runs. It asks once: an end is no reason to ask again.
func (g *generation) caller(url string) *caller.Caller {
	return &caller.Caller{Host: strings.TrimPrefix(url, "http://"), Impatient: true}
}

// underLoad puts the api under load, and ends it in the midst of it.
func (g *generation) underLoad(ctx context.Context, chance *rand.Rand, e ending) error {
	l := &load{fleet: g.fleet, log: g.log, tally: g.tally, findings: g.findings}
	o := &operator{load: l, api: g.caller(g.program.URL), calendar: g.calendar, chance: fork(chance), reception: g.reception}
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
		w := &worker{l, g.caller(g.program.URL), fork(chance)}
		callers.Go(func() { w.work(working) })
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
