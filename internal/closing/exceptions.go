package closing

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"meterledger/internal/meter"
	"meterledger/internal/store"
	"meterledger/internal/vee"
)

// exceptionsKept is how many days of exceptions are kept: a year and a month.
const exceptionsKept = 400

// errNotInMemory says that a day cannot be computed: its month is closed, and nothing is kept of
// the day.
var errNotInMemory = errors.New("its readings are not in memory any more, and its exceptions were never computed or their file is lost")

// examine computes the exceptions of a day that was just archived, and of days before whose
// files are missing or damaged. If that fails the day stays archived: the operator is told, and
// the next daily run tries again.
func (t task) examine(day meter.Day) {
	if !day.Before(t.today()) {
		return // it goes on; once it has ended it is archived again
	}
	due := append(t.unexamined(day), day)
	untidy := errors.Join(t.exceptions.tidy(), t.totals.tidy())
	for _, day := range due {
		err := untidy
		if err == nil {
			err = t.examineDay(day)
		}
		switch {
		case err == nil, meter.Stopped(t.ctx) != nil, errors.Is(err, errOver):
		case errors.Is(err, errNotInMemory):
			t.log.Warn("the exceptions of a day were not computed", "day", day, "error", err)
		default:
			t.notExamined.Inc()
			t.log.Error("the exceptions of a day were not computed; its archive is whole, and the next daily run tries again", "day", day, "error", err)
		}
	}
	if err := errors.Join(t.totals.removeAllBut(totalsKept), t.exceptions.removeAllBut(exceptionsKept)); err != nil {
		t.log.Error("old files of exceptions were not removed", "error", err)
	}
}

// unexamined returns the archived days to compute before a day, in order of time: those that the
// rules look back at, that have readings in memory, and no whole files. The day before is
// computed again if its last register came after it was archived.
func (t task) unexamined(day meter.Day) (due []meter.Day) {
	first, yesterday := day.AddDays(-vee.PastDays), day.AddDays(-1)
	for _, archived := range t.store.Days() {
		d, w := archived.Day, t.zone.DayWindow(archived.Day)
		switch {
		case d.Before(first) || !d.Before(day) || !t.store.HasReadings(w.Rows()):
		case d == yesterday && t.store.CameSince(meter.Window{From: w.To, To: w.To}, archived.Arrivals), !t.exceptions.isWhole(d), !t.totals.isWhole(d):
			due = append(due, d)
		}
	}
	return due
}

// examineDay computes the exceptions and the totals of a day, meter by meter. The totals are in
// place before the exceptions are.
func (t task) examineDay(day meter.Day) error {
	meters, _ := t.store.Counts()
	if !t.exceptions.hasRoom(t.diskFreeMin + uint64(meters)*(1+totalBytes)) {
		return fmt.Errorf("less than the %d MiB that are kept free would be left on the disk of %s", t.diskFreeMin>>20, t.exceptions.folder)
	}
	t.run.progress.begin("finding exceptions of "+day.String(), meters, 0)
	x := examination{task: t, window: t.zone.DayWindow(day), meters: meters}
	var err error
	if x.before, err = t.openPast(day); err != nil {
		return err
	}
	defer x.before.close()
	for back := range x.past {
		x.past[back] = t.openTotals(day.AddDays(-1 - back))
		defer x.past[back].close()
	}
	err = t.exceptions.write(day, func(exceptions io.Writer) error {
		return t.totals.write(day, func(totals io.Writer) error { return x.write(exceptions, totals) })
	})
	if err != nil {
		return err
	}
	t.tellExceptions(day, x.counts)
	return nil
}

// examination is the computing of one day.
type examination struct {
	task
	window meter.Window
	meters int
	before *past                      // what was computed of it before
	past   [vee.PastDays]totalsReader // the day before first

	points    []meter.Point
	pastOf    vee.Past // of the present meter
	lastPoint meter.Point
	found     []vee.Exception
	counts    exceptionCounts
}

func (x *examination) write(exceptions, totals io.Writer) error {
	pace := x.writer.Pace(x.ctx)
	if _, err := io.WriteString(exceptions, exceptionHeader); err != nil {
		return err
	}
	var row []byte
	for i := range store.Index(x.meters) {
		if i%64 == 0 {
			pace()
			if err := meter.Stopped(x.ctx); err != nil {
				return err
			}
		}
		total, err := x.meter(i)
		if err == nil {
			row = appendTotal(row[:0], total)
			_, err = totals.Write(row)
		}
		if err != nil {
			return err
		}
		for _, e := range x.found {
			x.counts[e.Rule]++
			row = x.appendException(row[:0], x.store.Account(i).ID, e)
			if _, err := exceptions.Write(row); err != nil {
				return err
			}
		}
		x.run.progress.did(1, 0, 0)
	}
	return nil
}

// meter finds the exceptions of a meter and its total. Of one whose readings are in the file of
// a closed month, what was computed before stands: none of them can have changed without being
// recalled.
func (x *examination) meter(i store.Index) (total vee.Total, err error) {
	var before vee.Total
	if err := x.before.totals.next(&before); err != nil {
		return before, err
	}
	for back := range x.past {
		if err := x.past[back].next(&x.pastOf[back]); err != nil {
			return before, err
		}
	}
	known := x.store.Read(i, x.window, x.points[:0])
	x.points, x.found = known.Points, x.found[:0]
	if slices.ContainsFunc(known.Archives, x.holdsDay) {
		if x.before.exceptions == nil {
			return before, fmt.Errorf("meter %s: %w", x.store.Account(i).ID, errNotInMemory)
		}
		x.found, err = x.before.of(i, x.found)
		return before, err
	}
	day := x.day(i, known)
	total = day.Total()
	x.found = day.Check(total, x.found)
	return total, nil
}

func (x *examination) holdsDay(m store.MonthSummary) bool {
	return m.Window.From <= x.window.From && x.window.From < m.Window.To
}

// day puts together what the rules look at.
func (x *examination) day(i store.Index, known store.MeterRows) vee.Day {
	day := vee.Day{Window: x.window, Points: known.Points, Dials: known.Dials, Known: x.window.To, Past: &x.pastOf}
	_, day.Limits = x.store.Life(i)
	if n := len(day.Points); n == 0 || day.Points[n-1].Slot < x.window.To {
		if register, ok := x.store.At(i, x.window.To); ok { // that a closed month begins with
			day.Points = append(day.Points, meter.Point{Slot: x.window.To, Register: register})
			x.points = day.Points
		}
	}
	if len(day.Points) > 0 && day.Points[0].Slot == x.window.From {
		return day
	}
	if near := x.store.Before(i, x.window.From); near.Found {
		x.lastPoint = near.Point
		day.Before = &x.lastPoint
	} else {
		day.Known = x.zone.Floor(x.store.Account(i).RegisteredAt)
	}
	return day
}
