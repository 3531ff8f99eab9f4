// Package tour runs the whole suite on the real readings of twelve households: it posts last month and this
// month up to now as meters would, has daily and monthly archive and bill them, and prints what a household
// then sees. Every number of the api is compared with the sums of the source: a difference is an error.
package tour

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dsnet/try"
	"github.com/shopspring/decimal"

	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/households"
	"meterledger/internal/tools/suite/programs"
)

const (
	defaultTimezone = "Asia/Singapore"
	columnsMax      = 100
)

// opening is what every meter showed before its first interval, in kWh.
var opening = decimal.NewFromInt(1000)

// errDiffers says that something the api did is not what the source gives.
var errDiffers = errors.New("the api and the source data do not agree")

// Run is the tool.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	started := time.Now()
	flags := programs.NewFlags("drill tour", "real households through the whole suite", stderr)
	bin := flags.String("bin", "bin", "folder that holds the binaries api, daily and monthly")
	dir := flags.String("dir", ".demo", "folder in which each demo makes one of its own")
	open := flags.Bool("open", false, "go on running at the end, with the pages to open, until Ctrl-C")
	if err := programs.Parse(flags, args); err != nil {
		return err
	}
	zone, err := meter.LoadZone(cmp.Or(os.Getenv("TIMEZONE"), defaultTimezone))
	if err != nil {
		return fmt.Errorf("TIMEZONE: %w", err)
	}
	defer try.Handle(&err)
	t := newTour(stdout, zone, time.Now, try.E1(households.Load()))
	try.E(os.MkdirAll(*dir, 0o755))
	t.folder = try.E1(os.MkdirTemp(*dir, "run-"))
	output := try.E1(os.Create(t.log()))
	defer func() { err = errors.Join(err, output.Close()) }()
	defer try.HandleF(&err, func() { err = fmt.Errorf("%w (the programs' log is %s)", err, t.log()) })
	suite := try.E1(programs.Start(ctx, programs.Config{BinDir: *bin, Env: programs.Env(t.folder, zone.String()), Out: output}))
	t.api, t.daily, t.monthly = callerOf(suite.API.URL), callerOf(suite.Daily.URL), callerOf(suite.Monthly.URL)
	if err = t.run(ctx); err == nil {
		t.sum(time.Since(started))
	}
	if err == nil && *open {
		t.showPages()
		err = suite.Wait(ctx)
	}
	try.E(errors.Join(err, suite.Stop()))
	t.farewell()
	return nil
}

// tour is one demo against a suite that is running. Its acts are scripts of
// many steps that end it at the first error, as there is nothing to go on with: so they use package try.
type tour struct {
	ctx  context.Context
	say  func(format string, args ...any) // prints a line
	zone *meter.Zone
	now  func() time.Time

	pieceAgain time.Duration // how long a meter waits before it sends rows again

	api, daily, monthly *caller.Caller // one connection to each
	folder              string         // of the suite's data, archives and log

	homes     []*home // in the order of their ids
	lastMonth meter.Month
	last      meter.Slot // the last half hour that is past

	before      map[string]reply // every answer before the month was cleared
	compared    int              // answers
	rows        int              // of archives
	differences int
}

// newTour places the source's first stamp on the 1st of last month 00:00.
func newTour(out io.Writer, zone *meter.Zone, now func() time.Time, sample []households.Household) *tour {
	t := &tour{say: log.New(out, "", 0).Printf, zone: zone, now: now, pieceAgain: pieceAgain, last: zone.Floor(now())}
	t.lastMonth = zone.MonthOf(t.last).Add(-1)
	first := zone.DayStart(t.lastMonth.FirstDay())
	for _, source := range sample {
		placed := households.Shift(meter.ID(source.ID), source.Registers(opening), first, t.last)
		t.homes = append(t.homes, &home{id: meter.ID(source.ID), source: source, first: first, placed: placed})
	}
	t.live()
	return t
}

func (t *tour) log() string { return filepath.Join(t.folder, "suite.log") }

// callerOf returns a caller that knows nothing of a program but its address.
func callerOf(url string) *caller.Caller {
	return &caller.Caller{Host: strings.TrimPrefix(url, "http://")}
}

// run goes through the demo and returns errDiffers if a number was wrong.
func (t *tour) run(ctx context.Context) (err error) {
	defer try.Handle(&err)
	t.ctx = ctx
	for _, c := range []*caller.Caller{t.api, t.daily, t.monthly} {
		defer c.Close()
	}
	t.say("Real half-hourly data of %d London households (UK Power Networks, London Datastore, CC BY 4.0),", len(t.homes))
	t.say("turned into registers that open at %s kWh and shifted to last month and this one:", opening)
	t.say("%s to %s, %s.", minutes(t.zone.Stamp(t.homes[0].first)), minutes(t.zone.Stamp(t.last)), t.zone)
	for i, act := range []struct {
		title string
		do    func()
	}{
		{"The programs", t.showPrograms},
		{"Accounts", t.registerAll},
		{"Readings, posted over HTTP as meters would, up to now", t.feed},
		{"Readings that no meter should send", t.postMistakes},
		{"What an operator finds and mends", t.mendLives},
		{"What " + string(t.homes[0].id) + " used", t.showConsumption},
		{"Maintenance, asked of daily and monthly", t.maintain},
		{"The same questions again", t.showSameAnswers},
		{"Last month's bill of " + string(t.homes[0].id), t.showBills},
	} {
		t.say("\n%d. %s", i+1, act.title)
		act.do()
	}
	if t.differences > 0 {
		return fmt.Errorf("%w: %d differences, marked with !! above", errDiffers, t.differences)
	}
	return nil
}

func (t *tour) showPrograms() {
	t.say("api http://%s   daily http://%s   monthly http://%s", t.api.Host, t.daily.Host, t.monthly.Host)
	t.say("their log is %s", t.log())
}

func (t *tour) sum(took time.Duration) {
	t.say("\nNothing was lost or bent: %d answers and %d archive rows are exactly what the source gives.", t.compared, t.rows)
	t.say("It took %s.", took.Round(time.Second/10))
}

func (t *tour) showPages() {
	t.say("\nThe suite goes on running on these homes until Ctrl-C:\n")
	t.say("  a household  http://%s/ui/meters/%s", t.api.Host, t.homes[0].id)
	t.say("  the nation   http://%s/ui/operator", t.api.Host)
	t.say("  daily        http://%s/\n  monthly      http://%s/", t.daily.Host, t.monthly.Host)
}

// farewell says how to look around.
func (t *tour) farewell() {
	settings := fmt.Sprintf("DATA_DIR=%s ARCHIVE_DIR=%s", programs.DataDir(t.folder), programs.ArchiveDir(t.folder))
	if t.zone.String() != defaultTimezone {
		settings += " TIMEZONE=" + t.zone.String()
	}
	t.say("\nTo look around, run the suite on what the demo left:")
	t.say("\n  %s make run", settings)
	t.say("\nand open http://localhost:8000")
}

// differ prints a difference and counts it.
func (t *tour) differ(format string, args ...any) {
	t.differences++
	t.say("!! "+format, args...)
}

// wrap prints words after an indent, broken so that they fit the columns.
func (t *tour) wrap(indent string, words []string) {
	line, blank := indent, strings.Repeat(" ", utf8.RuneCountInString(indent))
	for i, word := range words {
		if i > 0 && utf8.RuneCountInString(line+" "+word) > columnsMax {
			t.say("%s", line)
			line = blank
		} else if i > 0 {
			line += " "
		}
		line += word
	}
	t.say("%s", strings.TrimRight(line, " "))
}
