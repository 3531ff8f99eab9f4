package kill

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"meterledger/internal/tools/witness"
)

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

// slowest holds the longest waits for an answer: of any request but the operator's, of
// a single reading, and of one while maintenance or a restoring ran.
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
	t.slowest.take(slowest{any: took})
	if isSingle {
		t.slowest.take(slowest{single: took})
	}
	if isSingle && inMaintenance {
		t.slowest.take(slowest{maintenance: took})
	}
}

// lap returns the longest waits since the last lap.
func (t *tally) lap() (lap slowest) {
	t.mu.Lock()
	defer t.mu.Unlock()
	lap, t.slowest = t.slowest, slowest{}
	return lap
}
