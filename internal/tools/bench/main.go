// Bench measures how close the programs come to what the machine could do, and
// prints one table: what was measured, the floor that it is held against, ours, the
// ratio, the aim, and whether it is met.
//
//	go run ./internal/tools/bench -bin DIR -dir .bench
//
// A floor is the same machine doing no more than it must: the same router answering
// a constant, the same bytes read and thrown away, the same file copied. Floor and
// ours are measured in turn in the same run, by the same load generator, so that
// what else the machine does meets both; what is printed are medians of several
// runs, and ratios are medians of the ratios of neighbours. Server and load share
// the machine; the servers are processes of their own on ports of loopback.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"meterledger/internal/config"
	"meterledger/internal/meter"
	"meterledger/internal/tools/households"
	"meterledger/internal/tools/suite/programs"
)

// main is also that of the programs that bench starts beside the api: it links its
// own binary under their names.
func main() {
	if child, ok := children[filepath.Base(os.Args[0])]; ok {
		config.Main(filepath.Base(os.Args[0]), child)
		return
	}
	programs.Main("bench", run)
}

// children are the programs that bench is itself, by name.
var children = map[string]func(context.Context, []string) error{
	floorName:     runFloor,
	memoryName:    runMemory,
	archivingName: runArchiving,
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	s, err := parseSettings(args, stderr)
	if err != nil {
		return err
	}
	b, err := newBench(s, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.scratch)) }()
	report := newReport(s.quick)
	err = b.measure(ctx, s.rows, report, stderr)
	report.end()
	return errors.Join(err, report.print(stdout), report.write(s.json)) // minutes of measuring are told even if the next row failed
}

// measure fills the report row by row, until one fails.
func (b *bench) measure(ctx context.Context, rows []row, report *report, progress io.Writer) error {
	for _, r := range rows {
		started := time.Now()
		fmt.Fprintf(progress, "%s …", r.name)
		lines, err := r.measure(ctx, b)
		if err = errors.Join(err, b.tidy()); err != nil {
			fmt.Fprintln(progress)
			return fmt.Errorf("measuring %s: %w (what the programs said is in %s)", r.name, err, b.logPath)
		}
		fmt.Fprintf(progress, " %s\n", time.Since(started).Round(time.Second/10))
		report.add(r.name, lines)
	}
	return nil
}

// bench is what the rows measure with.
type bench struct {
	bin     string // folder of the api's binary
	self    string // folder of links to this binary, under the names of its children
	scratch string // folder on the disk under test; emptied at the end
	log     io.Writer
	logPath string
	sizes   sizes
	zone    *meter.Zone
	homes   []households.Household
	now     time.Time

	ends []func() error // of what the row that is being measured has begun
}

// atEnd has end called when the row has been measured, or has failed.
func (b *bench) atEnd(end func() error) { b.ends = append(b.ends, end) }

// tidy ends what a row has begun, the last first.
func (b *bench) tidy() error {
	var errs []error
	for _, end := range slices.Backward(b.ends) {
		errs = append(errs, end())
	}
	b.ends = nil
	return errors.Join(errs...)
}

func newBench(s settings, stderr io.Writer) (*bench, error) {
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		return nil, err
	}
	homes, err := households.Load()
	if err != nil {
		return nil, fmt.Errorf("loading the households: %w", err)
	}
	dir, err := filepath.Abs(s.dir) // children work in a folder of their own
	if err != nil {
		return nil, fmt.Errorf("finding the folder of the benchmark: %w", err)
	}
	b := &bench{bin: s.bin, scratch: filepath.Join(dir, "scratch"), logPath: filepath.Join(dir, "programs.log"), sizes: s.sizes, zone: zone, homes: homes, now: time.Now()}
	b.self = filepath.Join(b.scratch, "self")
	if err := errors.Join(os.RemoveAll(b.scratch), os.MkdirAll(b.self, 0o755)); err != nil {
		return nil, fmt.Errorf("making the folder of the benchmark: %w", err)
	}
	if b.log, err = os.Create(b.logPath); err != nil {
		return nil, fmt.Errorf("making the programs' log: %w", err)
	}
	binary, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this binary: %w", err)
	}
	for name := range children {
		if err := os.Symlink(binary, filepath.Join(b.self, name)); err != nil {
			return nil, err
		}
	}
	return b, nil
}
