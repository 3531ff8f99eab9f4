// Package kill ends the api again and again while it works, and compares what it keeps with what its callers
// were told.
//
// A cycle puts the api under load from several callers (single readings, batches in three formats,
// registrations, late, repeated and wrong readings) and an operator (archives, closings, restores, shutdown,
// resume), ends it at a random moment, and starts it again. Most cycles end with SIGKILL, some with SIGTERM,
// and some starts are killed too. Then every account and reading so far is compared with the callers' log:
// what was acknowledged is there to the digit, what was not answered is there whole or not at all, and there
// is nothing else. After some cycles on the same folders everything is archived, the files are compared as
// well, and the next cycle begins on fresh folders.
//
// Chance comes from the seed that is printed first. Time is real, so a seed repeats the kind of load, not the
// load.
package kill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"meterledger/internal/tools/drill/town"
	"meterledger/internal/tools/latency"
	"meterledger/internal/tools/suite/programs"
	"meterledger/internal/tools/witness"
)

// settings is what a user can choose.
type settings struct {
	bin, dir, apiArgs     string
	cycles, keep, workers int
	seed                  uint64
	load                  time.Duration
}

func parse(args []string, stderr io.Writer) (s settings, err error) {
	flags := programs.NewFlags("drill kill", "ends the api under load, again and again, and compares all it keeps", stderr)
	flags.StringVar(&s.bin, "bin", "bin", "folder that holds the binary api")
	flags.StringVar(&s.dir, "dir", ".soak", "folder in which each run makes one of its own, removed unless something was wrong")
	flags.IntVar(&s.cycles, "cycles", 30, "how often the api is ended and started again")
	flags.IntVar(&s.keep, "keep", 15, "after how many cycles to archive all, compare the files too, and go on with fresh folders")
	flags.Uint64Var(&s.seed, "seed", 0, "where chance begins; 0 picks a number")
	flags.DurationVar(&s.load, "load", time.Second, "the longest that a cycle's load lasts; it ends at a random moment before")
	flags.IntVar(&s.workers, "workers", 8, "how many callers send at the same time")
	flags.StringVar(&s.apiArgs, "api-args", "", "flags for the api, parted by blanks")
	if err := programs.Parse(flags, args); err != nil {
		return s, err
	}
	if s.seed == 0 {
		s.seed = rand.Uint64()
	}
	if s.cycles < 1 || s.keep < 1 || s.workers < 1 || s.load <= 0 {
		return s, errors.New("-cycles, -keep and -workers must be at least 1, and -load longer than nothing, such as 1s")
	}
	return s, nil
}

// Run is the tool.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	s, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	folder, err := os.MkdirTemp(s.dir, "run-")
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "seed %d: %d cycles of up to %s of load by %d callers and an operator, %d cycles on the same folders\n",
		s.seed, s.cycles, s.load, s.workers, s.keep)
	k := newSoak(s, folder, stdout)
	err = k.run(ctx)
	k.report.summary()
	if err = errors.Join(err, k.findings.Err()); err != nil {
		return fmt.Errorf("%w (seed %d; the folders are kept in %s)", err, s.seed, folder)
	}
	return os.RemoveAll(folder)
}

// soak is one execution of the tool.
type soak struct {
	settings settings
	folder   string
	chance   *rand.Rand
	findings *witness.Findings
	report   *report
}

func newSoak(s settings, folder string, stdout io.Writer) *soak {
	f := witness.NewFindings(stdout)
	return &soak{s, folder, rand.New(rand.NewPCG(s.seed, 0)), f, newReport(stdout, f)}
}

// run goes through all cycles. Its error is a failure to go on; faults of the api are findings.
func (k *soak) run(ctx context.Context) (err error) {
	for done := 0; err == nil && done < k.settings.cycles; done += k.settings.keep {
		err = k.generation(ctx, done, min(k.settings.keep, k.settings.cycles-done))
	}
	return err
}

// generation goes through some cycles on fresh folders.
func (k *soak) generation(ctx context.Context, done, cycles int) (err error) {
	g, err := newGeneration(k, filepath.Join(k.folder, strconv.Itoa(done+1)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	if _, err := g.start(ctx); err != nil {
		return err
	}
	for i := range cycles {
		line, err := g.cycle(ctx)
		if err != nil {
			return fmt.Errorf("cycle %d: %w", done+i+1, err)
		}
		line.number = done + i + 1
		k.report.cycle(line)
	}
	err = g.finish(ctx)
	n := g.Log.Counts()
	k.report.kept += n.Told
	k.report.accounts += n.Accounts
	return err
}

// cycle is what is told of a cycle.
type cycle struct {
	number       int
	ending       ending
	acknowledged int // readings that are new
	unanswered   int // readings that were sent and neither acknowledged nor refused one by one
	found        int // of those
	verified     int // readings of all cycles on these folders
	accounts     int // likewise
	restart      time.Duration
}

// report prints a line a cycle, and adds up.
type report struct {
	out      io.Writer
	findings *witness.Findings

	all                         cycle // the sums
	ends                        map[how]int
	kept, accounts, files, rows int // on all folders at their end: readings, accounts, archives and their rows

	restarts *latency.Recorder
	// Waits for answers: of all workers' requests, single readings, and those while maintenance ran.
	waits, singles, singlesInMaintenance *latency.Recorder

	runs atomic.Int32 // of maintenance that have begun, and those that have ended: odd while one goes on

	mu      sync.Mutex     // guards answers
	answers map[string]int // how many by what was asked and the code of the answer
}

func newReport(out io.Writer, f *witness.Findings) *report {
	return &report{
		out: out, findings: f, ends: make(map[how]int), answers: make(map[string]int), restarts: latency.NewRecorder(),
		waits: latency.NewRecorder(), singles: latency.NewRecorder(), singlesInMaintenance: latency.NewRecorder(),
	}
}

// asks counts a request, and times it unless it is a run of maintenance.
func (r *report) asks(what string) (answered func(code string)) {
	started, isRun := time.Now(), strings.HasPrefix(what, town.AskRun)
	if isRun {
		r.runs.Add(1)
	}
	run := r.runs.Load()
	return func(code string) {
		if isRun {
			r.runs.Add(1)
		} else if code != town.ErrUnanswered.Error() {
			r.time(what, time.Since(started), run%2 == 1 || run != r.runs.Load())
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.answers[what+": "+code]++
	}
}

func (r *report) time(what string, took time.Duration, inMaintenance bool) {
	r.waits.Record(took)
	if what == town.AskSingle {
		r.singles.Record(took)
	}
	if what == town.AskSingle && inMaintenance {
		r.singlesInMaintenance.Record(took)
	}
}

const (
	heading   = "cycle  ended by       after  acknowledged  unanswered  (found)  verified  accounts  restart\n"
	cycleLine = "%5d  %-13s %5dms  %12d  %10d %7d  %9d  %8d  %5dms\n"
)

func (r *report) cycle(c cycle) {
	if len(r.ends) == 0 {
		fmt.Fprint(r.out, heading)
	}
	fmt.Fprintf(r.out, cycleLine, c.number, c.ending.how, c.ending.after.Milliseconds(), c.acknowledged, c.unanswered, c.found,
		c.verified, c.accounts, c.restart.Milliseconds())
	r.ends[c.ending.how]++
	r.all.acknowledged += c.acknowledged
	r.all.unanswered += c.unanswered
	r.all.found += c.found
	r.all.verified += c.verified
	r.restarts.Record(c.restart)
}

func (r *report) summary() {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(r.out, "%-40s "+format+"\n", append([]any{name}, args...)...)
	}
	fmt.Fprintln(r.out)
	for _, what := range slices.Sorted(maps.Keys(r.answers)) {
		line(what, "%d", r.answers[what])
	}
	fmt.Fprintln(r.out)
	for _, end := range []how{kill, stop, killStarting} {
		line("ended by "+string(end), "%d", r.ends[end])
	}
	line("readings acknowledged", "%d", r.all.acknowledged)
	line("readings unanswered at an end", "%d, of which %d were there", r.all.unanswered, r.all.found)
	line("readings compared through the api", "%d", r.all.verified)
	line("readings kept, accounts", "%d, %d", r.kept, r.accounts)
	line("rows compared in archives", "%d in %d files", r.rows, r.files)
	line("restart", "%s", r.restarts.Summary())
	line("any answer", "%s", r.waits.Summary())
	line("a single reading", "%s", r.singles.Summary())
	line("a single reading in maintenance", "%s", r.singlesInMaintenance.Summary())
	for _, kind := range witness.Kinds {
		line(string(kind), "%d", r.findings.Count(kind))
	}
}
