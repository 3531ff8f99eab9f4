package kill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"time"

	"meterledger/internal/tools/witness"
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

// startTimeMax is about how long a start takes; what is killed while it starts is
// killed within it.
const startTimeMax = 150 * time.Millisecond

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
	t, f := newTally(), witness.NewFindings(stdout)
	return &soak{
		settings: s, folder: folder, chance: rand.New(rand.NewPCG(s.seed, 0)),
		tally: t, findings: f, report: &report{out: stdout, tally: t, findings: f},
	}
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
	g, err := newGeneration(k.settings, filepath.Join(k.folder, strconv.Itoa(done+1)), k.tally, k.findings)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	if _, err := g.start(ctx); err != nil {
		return err
	}
	for i := range cycles {
		line, err := k.cycle(ctx, g)
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

// cycle is load, an end in the midst of it, a start, and the comparison.
func (k *soak) cycle(ctx context.Context, g *generation) (line cycle, err error) {
	line.ending = newEnding(k.chance, k.settings.load)
	before := g.log.Counts()
	if err := g.underLoad(ctx, k.chance, line.ending); err != nil {
		return line, err
	}
	line.slowest = k.tally.lap()
	after := g.log.Counts()
	line.acknowledged, line.unanswered = after.Told-before.Told, after.Unanswered
	if line.ending.how == killStarting {
		if err := g.startInVain(ctx, line.ending.patience); err != nil {
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
	line.verified, line.accounts = settled.Told, settled.Accounts
	line.found = settled.Told - after.Told
	return line, nil
}

// upTo returns a random time below most.
func upTo(chance *rand.Rand, most time.Duration) time.Duration {
	return time.Duration(chance.Int64N(int64(most)))
}
