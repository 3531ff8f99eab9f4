// Package kill ends the api again and again while it works, and holds what it keeps against what its
// callers were told.
//
// A cycle starts the real api, puts it under load from several callers at once (single readings, batches
// in three formats, registrations, late readings and backlogs, the same again, wrong ones) and from an
// operator (archives, closings, restoring, shutdown and resume), ends it at a random moment, and starts it
// again. Most cycles end with SIGKILL, some with SIGTERM, and some starts are killed too. Then every
// account and every reading of all cycles so far is fetched and compared with the callers' own log: what
// was acknowledged is there to the digit, what was not answered is there whole or not at all, and there is
// nothing else. After some cycles on the same folders everything is archived, the files are compared as
// well, and the next cycle begins on fresh folders.
//
// Chance comes from the seed that is printed first. Time is real, so the same seed gives a run of the same
// kind, not the same run. Anything that was wrong is an error; then the folders are kept.
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
	"sync"
	"time"

	"github.com/dsnet/try"

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
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if s.seed == 0 {
		s.seed = rand.Uint64()
	}
	switch {
	case s.cycles < 1 || s.keep < 1 || s.workers < 1:
		return s, errors.New("-cycles, -keep and -workers must be at least 1")
	case s.load <= 0:
		return s, errors.New("-load must be longer than nothing, such as 1s")
	}
	return s, nil
}

// Run is the tool.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	s, err := parse(args, stderr)
	if err != nil {
		return err
	}
	defer try.Handle(&err)
	try.E(os.MkdirAll(s.dir, 0o755))
	folder := try.E1(os.MkdirTemp(s.dir, "run-"))
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

// soak is one run of the tool.
type soak struct {
	settings settings
	folder   string
	chance   *rand.Rand
	tally    *tally
	findings *witness.Findings
	report   *report
}

func newSoak(s settings, folder string, stdout io.Writer) *soak {
	t, f := &tally{answers: make(map[string]int)}, witness.NewFindings(stdout)
	return &soak{s, folder, rand.New(rand.NewPCG(s.seed, 0)), t, f, &report{out: stdout, tally: t, findings: f}}
}

// run goes through all cycles. Its error is a failure to go on; what was wrong with the api stands in the
// findings.
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
	defer try.Handle(&err)
	try.E1(g.start(ctx))
	for i := range cycles {
		line, err := g.cycle(ctx)
		if err != nil {
			return fmt.Errorf("cycle %d: %w", done+i+1, err)
		}
		line.number = done + i + 1
		k.report.cycle(line)
	}
	files, err := g.finish(ctx)
	k.report.generation(files, g.log.Counts())
	return err
}

// cycle is what is told of a cycle.
type cycle struct {
	number       int
	ending       ending
	acknowledged int // readings that are new
	unanswered   int // readings that were sent and not acknowledged, nor refused one by one
	found        int // of those
	verified     int // readings of all cycles on these folders
	accounts     int // likewise
	restart      time.Duration
	slowest      slowest
}

// report prints a line a cycle, and adds up.
type report struct {
	out      io.Writer
	tally    *tally
	findings *witness.Findings

	all      cycle // the sums, and the longest waits
	ends     map[how]int
	restarts []time.Duration
	files    filed
	accounts int
	kept     int // readings on all folders at their end
}

const (
	heading   = "cycle  ended by       after  acknowledged  unanswered  (found)  verified  accounts  restart  slowest  single  in maintenance\n"
	cycleLine = "%5d  %-13s %5dms  %12d  %10d %7d  %9d  %8d  %5dms  %5dms  %4dms  %12dms\n"
)

func (r *report) cycle(c cycle) {
	if r.ends == nil {
		r.ends = make(map[how]int)
		fmt.Fprint(r.out, heading)
	}
	fmt.Fprintf(r.out, cycleLine, c.number, c.ending.how, c.ending.after.Milliseconds(), c.acknowledged, c.unanswered, c.found,
		c.verified, c.accounts, c.restart.Milliseconds(), c.slowest.any.Milliseconds(),
		c.slowest.single.Milliseconds(), c.slowest.maintenance.Milliseconds())
	r.ends[c.ending.how]++
	r.all.acknowledged += c.acknowledged
	r.all.unanswered += c.unanswered
	r.all.found += c.found
	r.all.verified += c.verified
	r.all.slowest.take(c.slowest)
	r.restarts = append(r.restarts, c.restart)
}

// generation adds what stood on a pair of folders at its end.
func (r *report) generation(files filed, n witness.Counts) {
	r.files.files += files.files
	r.files.rows += files.rows
	r.accounts += n.Accounts
	r.kept += n.Told
}

func (r *report) summary() {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(r.out, "%-40s "+format+"\n", append([]any{name}, args...)...)
	}
	fmt.Fprintln(r.out)
	for _, what := range slices.Sorted(maps.Keys(r.tally.answers)) {
		line(what, "%d", r.tally.answers[what])
	}
	fmt.Fprintln(r.out)
	for _, end := range []how{kill, stop, killStarting} {
		line("ended by "+string(end), "%d", r.ends[end])
	}
	line("readings acknowledged", "%d", r.all.acknowledged)
	line("readings unanswered at an end", "%d, of which %d were there", r.all.unanswered, r.all.found)
	line("readings compared through the api", "%d", r.all.verified)
	line("readings kept, accounts", "%d, %d", r.kept, r.accounts)
	line("rows compared in archives", "%d in %d files", r.files.rows, r.files.files)
	if slices.Sort(r.restarts); len(r.restarts) > 0 {
		line("restart, median and slowest", "%s, %s", round(r.restarts[len(r.restarts)/2]), round(r.restarts[len(r.restarts)-1]))
	}
	line("slowest answer", "%s", round(r.all.slowest.any))
	line("slowest single reading", "%s", round(r.all.slowest.single))
	line("slowest single reading in maintenance", "%s", round(r.all.slowest.maintenance))
	for _, kind := range witness.Kinds {
		line(string(kind), "%d", r.findings.Count(kind))
	}
}

func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// tally counts what came of the requests.
type tally struct {
	mu      sync.Mutex // guards all below
	answers map[string]int
	slowest slowest
}

// slowest holds the longest waits for an answer: of any request but the operator's, of a single reading,
// and of one while maintenance or a restoring ran.
type slowest struct{ any, single, maintenance time.Duration }

func (s *slowest) take(o slowest) {
	*s = slowest{max(s.any, o.any), max(s.single, o.single), max(s.maintenance, o.maintenance)}
}

// answered counts one answer: what was asked, and the code of the answer.
func (t *tally) answered(what, code string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answers[what+": "+code]++
}

func (t *tally) waited(took time.Duration, isSingle, inMaintenance bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := slowest{any: took}
	if isSingle {
		s.single = took
	}
	if isSingle && inMaintenance {
		s.maintenance = took
	}
	t.slowest.take(s)
}

// lap returns the longest waits since the last lap.
func (t *tally) lap() (lap slowest) {
	t.mu.Lock()
	defer t.mu.Unlock()
	lap, t.slowest = t.slowest, slowest{}
	return lap
}
