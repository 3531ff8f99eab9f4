// Package cluster lets whatever can go wrong befall three nodes of the api and three members of etcd while they
// work, and compares what every node keeps with what callers were told.
//
// Each cycle has callers and an operator at work, lets one thing happen, and waits until everything is well again
// by itself. A caller sends the same to another node for 15 seconds before it gives up, which no caller may. Then
// every node is asked for everything. After some cycles on the same folders everything is archived, all nodes are
// killed at the same position, where their states must be equal, and the next cycle begins on fresh folders.
//
// Chance comes from the seed that is printed first. Time is real, so a seed repeats what happens, not when.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"meterledger/internal/tools/latency"
	"meterledger/internal/tools/suite/programs"
	"meterledger/internal/tools/witness"
)

// settings is what a user can choose.
type settings struct {
	bin, dir, etcd, only  string
	cycles, keep, workers int
	seed                  uint64
	longest               time.Duration
}

func parse(args []string, stderr io.Writer) (s settings, err error) {
	flags := programs.NewFlags("drill cluster", "lets things go wrong with nodes of the api and members of etcd under load, and compares what all nodes keep", stderr)
	flags.StringVar(&s.bin, "bin", "bin", "folder that holds the binaries api, daily and monthly; with -tags drill the clock of an api can be wrong")
	flags.StringVar(&s.etcd, "etcd", "bin/tools/etcd", "binary of an etcd")
	flags.StringVar(&s.dir, "dir", ".soak", "folder in which each run makes one of its own, removed unless something was wrong")
	flags.StringVar(&s.only, "only", "", "what may happen, parted by commas; nothing for all of: "+strings.Join(names(nemeses), ", "))
	flags.IntVar(&s.cycles, "cycles", 30, "how often something happens")
	flags.IntVar(&s.keep, "keep", 10, "after how many cycles to archive all, compare states and files too, and go on with fresh folders")
	flags.Uint64Var(&s.seed, "seed", 0, "where chance begins; 0 picks a number")
	flags.DurationVar(&s.longest, "longest", 3*time.Second, "the longest that something goes on, such as 20s")
	flags.IntVar(&s.workers, "workers", 6, "how many callers send at the same time")
	if err := programs.Parse(flags, args); err != nil {
		return s, err
	}
	if s.seed == 0 {
		s.seed = rand.Uint64()
	}
	if s.cycles < 1 || s.keep < 1 || s.workers < 1 || s.longest < time.Second {
		return s, errors.New("-cycles, -keep and -workers must be at least 1, and -longest at least 1s")
	}
	return s, nil
}

// Run is the tool.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	s, err := parse(args, stderr)
	if err != nil {
		return err
	}
	d := &drill{settings: s, out: stdout, findings: witness.NewFindings(stdout), struck: map[string]int{}, waits: latency.NewRecorder(), back: latency.NewRecorder()}
	if d.may, err = d.choose(); err != nil {
		return err
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	if d.folder, err = os.MkdirTemp(s.dir, "cluster-"); err != nil {
		return err
	}
	d.say("seed %d: %d cycles by %d callers and an operator, %d cycles on the same folders", s.seed, s.cycles, s.workers, s.keep)
	err = d.run(ctx)
	d.summary()
	if err = errors.Join(err, d.findings.Err()); err != nil {
		return fmt.Errorf("%w (seed %d; folders and logs are kept in %s)", err, s.seed, d.folder)
	}
	return os.RemoveAll(d.folder)
}

// drill is one execution of the tool.
type drill struct {
	settings settings
	out      io.Writer
	folder   string
	findings *witness.Findings
	may      []nemesis
	cycle    int // the present one, from 1

	struck      map[string]int // how often each happened
	waits, back *latency.Recorder
	told        int // readings
}

func (d *drill) say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

// choose returns what may happen here, and says what may not.
func (d *drill) choose() (may []nemesis, err error) {
	only := strings.FieldsFunc(d.settings.only, func(r rune) bool { return r == ',' })
	for _, name := range only {
		if !slices.Contains(names(nemeses), name) {
			return nil, fmt.Errorf("-only %s: nothing is called so: -h lists what may happen", name)
		}
	}
	for _, n := range nemeses {
		if len(only) > 0 && !slices.Contains(only, n.name) {
			continue
		}
		if why := n.needs(d.settings); why != nil {
			d.say("SKIPPED: %s: %v", n.name, why)
			continue
		}
		may = append(may, n)
	}
	if len(may) == 0 {
		return nil, errors.New("nothing of what may happen can be made to happen here")
	}
	return may, nil
}

// next goes through all that may happen, each time in another order.
func (d *drill) next() nemesis {
	at := d.cycle - 1
	order := rand.New(rand.NewPCG(d.settings.seed, uint64(at/len(d.may)))).Perm(len(d.may))
	return d.may[order[at%len(d.may)]]
}

// run goes through all cycles. Its error is a failure to go on; faults of the programs are findings.
func (d *drill) run(ctx context.Context) error {
	for d.cycle < d.settings.cycles {
		if err := d.generation(ctx, min(d.settings.cycles, d.cycle+d.settings.keep)); err != nil {
			return fmt.Errorf("cycle %d: %w", d.cycle, err)
		}
	}
	return nil
}

// generation goes through the cycles up to last on fresh folders.
func (d *drill) generation(ctx context.Context, last int) (err error) {
	h, err := newHouse(ctx, d, filepath.Join(d.folder, strconv.Itoa(d.cycle+1)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	for d.cycle < last {
		d.cycle++
		if err := h.live(ctx); err != nil {
			return err
		}
	}
	return h.finish(ctx)
}

func (d *drill) summary() {
	d.say("")
	for _, n := range nemeses {
		d.say("%-24s %d", n.name, d.struck[n.name])
	}
	d.say("%-24s %d", "readings acknowledged", d.told)
	d.say("%-24s %s", "well again after", d.back.Summary())
	d.say("%-24s %s", "any answer", d.waits.Summary())
	for _, kind := range witness.Kinds {
		d.say("%-24s %d", kind, d.findings.Count(kind))
	}
}
