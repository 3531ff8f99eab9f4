package tour

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/households"
)

const columnsMax = 100

// errDiffers says that something the api did is not what the source gives.
var errDiffers = errors.New("the api and the source data do not agree")

// tour is one run of the demo against a suite that is running.
type tour struct {
	out  io.Writer
	zone *meter.Zone
	now  func() time.Time

	pieceAgain time.Duration // how long a meter waits before it sends rows again

	api, daily, monthly *caller.Caller // one connection to each
	archiveDir, log     string         // where the archives and the programs' log are

	homes     []*home // in the order of their ids
	lastMonth meter.Month
	last      meter.Slot // the last half hour that is past

	before      map[string]said // every answer before the month was cleared
	compared    int             // answers
	rows        int             // of archives
	differences int
}

// newTour places the households so that the source's first stamp falls on the
// 1st of last month 00:00.
func newTour(out io.Writer, zone *meter.Zone, now func() time.Time, sample []households.Household) *tour {
	t := &tour{out: out, zone: zone, now: now, pieceAgain: pieceAgain, last: zone.Floor(now())}
	t.lastMonth = zone.MonthOf(t.last).Add(-1)
	first := zone.DayStart(t.lastMonth.FirstDay())
	for _, source := range sample {
		t.homes = append(t.homes, newHome(source, first, t.last))
	}
	return t
}

// callerOf returns one that speaks as a meter or an app does: plainly, over one
// connection, knowing nothing of a program but its address.
func callerOf(url string) *caller.Caller {
	return &caller.Caller{Host: strings.TrimPrefix(url, "http://")}
}

// run goes through the demo and returns errDiffers where a number was wrong.
func (t *tour) run(ctx context.Context) error {
	for _, c := range []*caller.Caller{t.api, t.daily, t.monthly} {
		defer c.Close()
	}
	t.say("Real half-hourly data of %d London households (UK Power Networks, London Datastore, CC BY 4.0),", len(t.homes))
	t.say("turned into registers that open at %s kWh and shifted to last month and this one:", opening)
	t.say("%s to %s, %s.", minutes(t.zone.Stamp(t.homes[0].first)), minutes(t.zone.Stamp(t.last)), t.zone)
	for i, act := range []struct {
		title string
		do    func(context.Context) error
	}{
		{"The programs", t.showPrograms},
		{"Accounts", t.registerAll},
		{"Readings, posted over HTTP as meters would, up to now", t.feed},
		{"Half hours that the source lacks", t.showGaps},
		{"Readings that no meter should send", t.postMistakes},
		{"What " + string(t.homes[0].id) + " used", t.showConsumption},
		{"Maintenance, asked of daily and monthly", t.maintain},
		{"The same questions again", t.showSameAnswers},
		{"Last month's bill of " + string(t.homes[0].id), t.showBills},
	} {
		t.say("\n%d. %s", i+1, act.title)
		if err := act.do(ctx); err != nil {
			return err
		}
	}
	if t.differences > 0 {
		return fmt.Errorf("%w: %d differences, marked with !! above", errDiffers, t.differences)
	}
	return nil
}

func (t *tour) showPrograms(context.Context) error {
	t.say("api http://%s   daily http://%s   monthly http://%s", t.api.Host, t.daily.Host, t.monthly.Host)
	t.say("their log is %s", t.log)
	return nil
}

// showGaps names what the source lacks, so that nobody takes it for lost.
func (t *tour) showGaps(context.Context) error {
	total := 0
	t.say("household  missing  from (how many in a row)")
	for _, h := range t.homes {
		var names []string
		missing := 0
		for _, g := range h.gaps(t.last) {
			missing += g.halfHours
			names = append(names, fmt.Sprintf("%s (%d)", minutes(t.zone.Stamp(g.first)), g.halfHours))
		}
		if left := h.lastInterval(); left < t.last {
			names = append(names, "left the trial after "+minutes(t.zone.Stamp(left)))
		}
		total += missing
		t.wrap(fmt.Sprintf("%-10s %7d  ", h.id, missing), names)
	}
	t.say("%-10s %7d  never posted: the answers that span them are not complete", "total", total)
	return nil
}

// farewell sums up and says how to look around.
func (t *tour) farewell(dir string, took time.Duration) {
	settings := fmt.Sprintf("DATA_DIR=%s ARCHIVE_DIR=%s", filepath.Join(dir, dataName), t.archiveDir)
	if t.zone.String() != defaultTimezone {
		settings += " TIMEZONE=" + t.zone.String()
	}
	t.say("\nNothing was lost or bent: %d answers and %d archive rows are exactly what the source gives.", t.compared, t.rows)
	t.say("It took %s. To look around, run the suite on what the demo left:", took.Round(time.Second/10))
	t.say("\n  %s make run", settings)
	t.say("\nand open http://localhost:8000/docs")
}

// say prints a line.
func (t *tour) say(format string, args ...any) {
	// Where nobody can read it, the broken pipe's signal ends the demo.
	_, _ = fmt.Fprintf(t.out, format+"\n", args...)
}

// differ prints a difference and counts it.
func (t *tour) differ(format string, args ...any) {
	t.differences++
	t.say("!! "+format, args...)
}

// wrap prints words after an indent, broken so that they fit the columns.
func (t *tour) wrap(indent string, words []string) {
	line, columns := indent, utf8.RuneCountInString(indent)
	blank := strings.Repeat(" ", columns)
	for i, word := range words {
		n := utf8.RuneCountInString(word)
		switch {
		case i > 0 && columns+1+n > columnsMax:
			t.say("%s", line)
			line, columns = blank, len(blank)
		case i > 0:
			line, columns = line+" ", columns+1
		}
		line, columns = line+word, columns+n
	}
	t.say("%s", strings.TrimRight(line, " "))
}
