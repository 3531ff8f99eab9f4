// Bench measures how close the api comes to what the machine can do, and prints one table: what was measured,
// its floor, ours, the ratio, the aim, and whether it is met.
//
// A floor is the same machine doing no more than it must: the same router answering a constant, the same
// bytes read and thrown away, the same file copied. In one row it is a peer: PostgreSQL, given the same rows.
// Floor and ours are measured in turn by the same load generator, so that other work of the machine meets
// both. Printed are medians, and medians of the ratios of neighbours. The servers are processes of their own;
// they share the machine with the load.
//
// A row is a script of many steps that ends at its first error, as there is nothing to go on with: so rows
// use package try, and measure turns what they throw into an error.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/dsnet/try"

	"meterledger/internal/meter"
	"meterledger/internal/tools/households"
	"meterledger/internal/tools/suite/programs"
)

func main() { programs.Main("bench", run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	s, err := parseSettings(args, stderr)
	if err != nil {
		return err
	}
	b, err := newBench(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.scratch)) }()
	report := newReport(s.quick)
	for _, r := range s.rows {
		started := time.Now()
		fmt.Fprintf(stderr, "%s …", r.name)
		lines, failure := b.measure(r)
		fmt.Fprintf(stderr, " %s\n", time.Since(started).Round(time.Second/10))
		report.add(r.name, lines)
		if failure != nil {
			err = fmt.Errorf("measuring %s: %w (what the programs said is in %s)", r.name, failure, b.log.Name())
			break
		}
	}
	report.end()
	text, broken := json.MarshalIndent(report, "", "\t")
	// Minutes of measuring are told even if the next row failed.
	return errors.Join(err, broken, report.print(stdout), os.WriteFile(filepath.Join(s.dir, "bench.json"), append(text, '\n'), 0o644))
}

// bench is what the rows measure with.
type bench struct {
	settings
	sizes   sizes
	ctx     context.Context // of the whole run
	scratch string          // folder on the disk under test; emptied at the end
	log     *os.File
	zone    *meter.Zone
	homes   []households.Household
	now     time.Time

	ends []func() error // of what the row that is being measured has begun
}

func newBench(ctx context.Context, s settings) (b *bench, err error) {
	defer try.Handle(&err)
	b = &bench{settings: s, ctx: ctx, now: time.Now(), sizes: fullSizes}
	if s.quick {
		b.sizes = quickSizes
	}
	b.scratch = filepath.Join(s.dir, "scratch")
	b.zone, b.homes = try.E1(meter.LoadZone("Asia/Singapore")), try.E1(households.Load())
	try.E(os.RemoveAll(b.scratch))
	try.E(os.MkdirAll(b.scratch, 0o755))
	b.log = try.E1(os.Create(filepath.Join(s.dir, "programs.log")))
	return b, nil
}

// measure measures a row, and ends what it has begun, the last first.
func (b *bench) measure(r row) (lines []line, err error) {
	defer func() {
		for _, end := range slices.Backward(b.ends) {
			err = errors.Join(err, end())
		}
		b.ends = nil
	}()
	defer try.Handle(&err)
	return r.measure(b), nil
}

// atEnd has end called when the row has been measured, or has failed.
func (b *bench) atEnd(end func() error) { b.ends = append(b.ends, end) }

// past returns the half hour some days ago at which the live readings of a row begin.
func (b *bench) past(days int) meter.Slot {
	return b.zone.Floor(b.now) - meter.Slot(days*meter.SlotsPerDay)
}
