// Package kill ends the api again and again while it works, and holds what it keeps
// against what its callers were told.
//
// A cycle starts the real api, puts it under load from several callers at once
// (single readings, batches in three formats, registrations, late readings and
// backlogs, the same again, wrong ones) and from an operator (archives, closings,
// restoring, shutdown and resume), ends it at a random moment, and starts it
// again. Most cycles end with SIGKILL, some with SIGTERM, and some starts are
// killed too. Then every account and every reading of all cycles so far is
// fetched and compared with the callers' own log: what was acknowledged is there
// to the digit, what was not answered is there whole or not at all, and there is
// nothing else. After some cycles on the same folders everything is archived, the
// files are compared as well, and the next cycle begins on fresh folders.
//
// Chance comes from the seed that is printed first. Time is real, so the same seed
// gives a run of the same kind, not the same run. Anything that was wrong is an error;
// then the folders are kept.
package kill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
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
	k := &soak{
		settings: s, folder: folder, chance: rand.New(rand.NewPCG(s.seed, 0)),
		tally: &tally{answers: make(map[string]int)}, findings: witness.NewFindings(stdout),
	}
	k.report = &report{out: stdout, tally: k.tally, findings: k.findings}
	return k
}

// run goes through all cycles. Its error is a failure to go on; what was wrong with
// the api stands in the findings.
func (k *soak) run(ctx context.Context) error {
	for done := 0; done < k.settings.cycles; done += k.settings.keep {
		if err := k.generation(ctx, done, min(k.settings.keep, k.settings.cycles-done)); err != nil {
			return err
		}
	}
	return nil
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
