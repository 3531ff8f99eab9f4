package kill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"meterledger/api"
	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/suite/programs"
	"meterledger/internal/tools/witness"
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
	folder    string
	output    *os.File // what the api prints
	calendar  *calendar
	fleet     *fleet
	log       *witness.Log
	reception reception
	program   *programs.Program // the api that runs, or ran last
	ending    atomic.Bool       // the api has been told to end, or is just about to be
	runs      atomic.Int32      // of maintenance that the operator has begun, and those that have ended: odd while one goes on
}

// reception is what the operator was told of it last.
type reception struct{ on, sure bool }

func newGeneration(k *soak, folder string) (*generation, error) {
	c, err := newCalendar(time.Now())
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
	return &generation{
		soak: k, folder: folder, output: output, calendar: c,
		fleet: &fleet{calendar: c}, log: witness.New(), reception: reception{on: true, sure: true},
	}, nil
}

func (g *generation) config() programs.Config {
	return programs.Config{
		BinDir: g.settings.bin, Out: g.output, Env: programs.Env(g.folder, timezone),
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
	before := g.log.Counts()
	if err := g.underLoad(ctx, line.ending); err != nil {
		return line, err
	}
	after := g.log.Counts()
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
	settled := g.log.Counts()
	line.verified, line.accounts, line.found = settled.Told, settled.Accounts, settled.Told-after.Told
	return line, nil
}

// underLoad puts the api under load, and ends it meanwhile.
func (g *generation) underLoad(ctx context.Context, e ending) error {
	g.ending.Store(false)
	o := &operator{worker{g, g.caller(g.program.URL), fork(g.chance)}}
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
		w := &worker{g, g.caller(g.program.URL), fork(g.chance)}
		callers.Go(func() { w.work(working, w.step) })
	}
	_ = caller.Pause(ctx, e.after) // its end is told below
	g.ending.Store(true)
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

// comparers is how many meters are fetched at the same time.
const comparers = 4

// compare fetches everything from an api that nobody else uses, and holds it against the log.
func (g *generation) compare(ctx context.Context, url string) error {
	callers := caller.Several(comparers, *g.caller(url))
	if err := g.compareReception(ctx, callers[0]); err != nil {
		return err
	}
	homes := g.fleet.all()
	return caller.Each(ctx, callers, len(homes), func(ctx context.Context, _ int, c *caller.Caller, i int) error {
		return g.compareHome(ctx, c, homes[i])
	})
}

func (g *generation) compareHome(ctx context.Context, asked *caller.Caller, h *home) error {
	id := h.account.Meter
	there := &witness.Account{}
	known, err := asked.Fetch(ctx, "/account", url.Values{"meter_id": {string(id)}}, there)
	if err != nil {
		return err
	}
	if !known {
		there = nil
	}
	g.findings.Violations("account", g.log.CompareAccount(id, there))
	found, _, err := asked.Readings(ctx, id, g.calendar.span())
	if err != nil {
		g.findings.Misbehaved("the readings of %s cannot be had: %v", id, err)
		return ctx.Err()
	}
	g.findings.Violations("api", g.log.Compare(id, g.calendar.span(), found))
	return g.compareExchange(ctx, asked, h)
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
		g.findings.Misbehaved("reception is on: %v, though the operator was told %v", status.IsReceivingData, g.reception.on)
	}
	g.reception = reception{status.IsReceivingData, true}
	return nil
}

// finish has every month that has ended archived, and every day that the operator has ever archived,
// compares the answers once more, and then memory and the files: together they hold each reading once.
func (g *generation) finish(ctx context.Context) error {
	asked := g.caller(g.program.URL)
	defer asked.Close()
	for _, month := range g.calendar.months {
		g.archive(ctx, asked, url.Values{"maintenance_type": {"monthly"}, "month": {month}})
	}
	for _, day := range g.calendar.days {
		g.archive(ctx, asked, url.Values{"maintenance_type": {"daily"}, "date": {day}})
	}
	if err := g.compare(ctx, g.program.URL); err != nil {
		return err
	}
	memory := make(map[meter.ID][]witness.Reading) // of this month, which no archive holds
	for _, h := range g.fleet.all() {
		found, known, err := asked.Readings(ctx, h.account.Meter, witness.Span{From: g.calendar.open, To: g.calendar.span().To})
		if err != nil {
			return err
		}
		if known {
			memory[h.account.Meter] = found
		}
	}
	if err := g.program.Stop(); err != nil {
		g.findings.Misbehaved("%v", err)
	}
	g.compareFiles(memory)
	return nil
}

func (g *generation) archive(ctx context.Context, asked *caller.Caller, query url.Values) {
	if answer, err := asked.Post(ctx, startPath, query); err != nil || !answer.OK() {
		g.findings.Misbehaved("maintenance of %s%s: %v, %v", query.Get("date"), query.Get("month"), answer, err)
	}
}

// compareFiles compares the months together with memory, and the days, which are copies, each alone.
func (g *generation) compareFiles(memory map[meter.ID][]witness.Reading) {
	for _, month := range g.calendar.months {
		for id, rows := range g.readFile("monthly_"+month+".csv", monthOf(month)) {
			memory[id] = append(memory[id], rows...)
		}
	}
	for _, day := range g.calendar.days {
		name := "daily_" + day + ".csv"
		g.compareAll(name, dayOf(day), g.readFile(name, dayOf(day)))
	}
	g.compareAll("memory and archives", g.calendar.span(), memory)
}

// readFile reads an archive, in which nothing may lie outside its own time.
func (g *generation) readFile(name string, span witness.Span) map[meter.ID][]witness.Reading {
	found, err := readArchive(filepath.Join(programs.ArchiveDir(g.folder), name))
	if err != nil {
		g.findings.Misbehaved("%v", err)
	}
	g.report.files++
	for id, rows := range found {
		g.report.rows += len(rows)
		if first, last := rows[0].Stamp, rows[len(rows)-1].Stamp; first < span.From || last > span.To {
			g.findings.Misbehaved("%s holds readings of %s from %s to %s", name, id, first, last)
		}
	}
	return found
}

// compareAll also looks for meters that nobody has registered.
func (g *generation) compareAll(where string, span witness.Span, rows map[meter.ID][]witness.Reading) {
	ids := slices.Collect(maps.Keys(rows))
	for _, h := range g.fleet.all() {
		ids = append(ids, h.account.Meter)
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		g.findings.Violations(where, g.log.Check(id, span, rows[id]))
	}
}

// readArchive reads a whole archive, whose rows must be sorted by meter and time.
func readArchive(path string) (map[meter.ID][]witness.Reading, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	rows, err := witness.ReadCSV(b)
	found := make(map[meter.ID][]witness.Reading)
	var last witness.Reading
	for i, r := range rows {
		if err == nil && cmp.Or(cmp.Compare(last.Meter, r.Meter), cmp.Compare(last.Stamp, r.Stamp)) >= 0 {
			err = fmt.Errorf("row %d: %s %s does not come after %s %s", i+1, r.Meter, r.Stamp, last.Meter, last.Stamp)
		}
		last = r
		found[r.Meter] = append(found[r.Meter], r)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return found, err
}
