package node_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/closing"
	"meterledger/internal/durable"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// day returns a day of autumn 2026.
func day(month time.Month, n int) meter.Day { return meter.Day{Year: 2026, Month: month, Day: n} }

// newBenchOn is newBench before a day begins.
func newBenchOn(t *testing.T, zone string, d meter.Day) *bench {
	t.Helper()
	b := &bench{t: t, fs: vfs.NewMem(), zone: loadZone(t, zone)}
	b.now = b.zone.Time(b.zone.DayStart(d)).Add(-time.Hour)
	b.open()
	return b
}

// uses records a meter's readings of a day, all half hours with the first of the day after, from a
// register on, and returns the last. Half hours that left lists are left out.
func (b *bench) uses(id meter.ID, d meter.Day, from, perHalfHour int64, left ...int) int64 {
	b.t.Helper()
	w := d.Period().Window(b.zone)
	var readings []meter.Reading
	for n := 0; n < w.Points(); n++ {
		register, ok := meter.RegisterFromParts(from+int64(n)*perHalfHour, 3)
		if !ok {
			b.t.Fatal("a register is outside the limits")
		}
		if !slices.Contains(left, n) {
			readings = append(readings, meter.Reading{Meter: id, Slot: w.From + meter.Slot(n), Register: register})
		}
	}
	results, err := b.RecordMany(context.Background(), readings)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, r := range results {
		if r.Err != nil {
			b.t.Fatal(r.Err)
		}
	}
	return from + int64(w.Points()-1)*perHalfHour
}

// passes lets a day end, and has it archived.
func (b *bench) passes(d meter.Day) {
	b.t.Helper()
	b.now = b.zone.Time(d.Period().Window(b.zone).To).Add(10 * time.Minute)
	b.archives(d)
}

// exceptions lists what is known, as text, and the days of which nothing is.
func (b *bench) exceptions(q closing.ExceptionsQuery) (all []string, unknown []meter.Day) {
	b.t.Helper()
	if q.Status == "" {
		q.Status = closing.ExceptionOpen
	}
	q.NotComputed = func(days []meter.Day) { unknown = days }
	err := b.Exceptions(context.Background(), q, func(e closing.Exception) bool {
		all = append(all, fmt.Sprintf("%s %v %s to %s: %v %s", e.Meter.ID, e.Rule, b.zone.Stamp(e.From), b.zone.Stamp(e.To), e.Value, e.Status()))
		return true
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return all, unknown
}

func (b *bench) wantExceptions(when string, q closing.ExceptionsQuery, want ...string) {
	b.t.Helper()
	if got, unknown := b.exceptions(q); !slices.Equal(got, want) || len(unknown) > 0 {
		b.t.Errorf("%s: the exceptions are\n%s\nwant\n%s\nand nothing is known of %v", when, strings.Join(got, "\n"), strings.Join(want, "\n"), unknown)
	}
}

// TestTotalsOfDaysOutliveTheirMonth lets a meter stand still from late in October on, and
// another jump in November: by then October is in its file, and memory has nothing of it.
func TestTotalsOfDaysOutliveTheirMonth(t *testing.T) {
	b := newBenchOn(t, "Asia/Singapore", day(time.October, 1))
	defer func() { b.close() }()
	b.register("still", "jumps")
	still, jumps := int64(1000), int64(1000)
	for d := day(time.October, 1); d.Before(day(time.November, 9)); d = d.AddDays(1) {
		stillUses, jumpsUses := int64(100), int64(100)
		if !d.Before(day(time.October, 26)) {
			stillUses = 0
		}
		b.now = b.zone.Time(b.zone.DayStart(d.AddDays(1)))
		if d == day(time.November, 6) {
			jumpsUses = 501 // above five times the mean of four Fridays, three of them in October
		}
		still, jumps = b.uses("still", d, still, stillUses), b.uses("jumps", d, jumps, jumpsUses)
		b.passes(d)
		if d == day(time.October, 31) {
			b.closes(meter.Month{Year: 2026, Month: time.October})
			b.restart()
		}
		if d == day(time.November, 7) {
			b.wantExceptions("after 13 days", closing.ExceptionsQuery{Rule: meter.RuleZeroRun})
		}
	}
	if n := b.InMemory(); n > 2*9*49 {
		t.Fatalf("%d readings are in memory, so October is", n)
	}
	b.wantExceptions("after 14 days", closing.ExceptionsQuery{Rule: meter.RuleZeroRun}, "still ZERO_RUN 2026-10-26T00:00:00 to 2026-11-09T00:00:00: 14 open")
	b.wantExceptions("of the day that jumped", closing.ExceptionsQuery{Period: day(time.November, 6).Period(), Meter: "jumps"},
		"jumps HIGH_LOW 2026-11-06T00:00:00 to 2026-11-07T00:00:00: 24.048 open")
	b.wantExceptions("of the days from the fifth week on", closing.ExceptionsQuery{Period: meter.Month{Year: 2026, Month: time.October}.Period()},
		"still HIGH_LOW 2026-10-29T00:00:00 to 2026-10-30T00:00:00: 0 open", "still HIGH_LOW 2026-10-30T00:00:00 to 2026-10-31T00:00:00: 0 open",
		"still HIGH_LOW 2026-10-31T00:00:00 to 2026-11-01T00:00:00: 0 open")
	b.wantTidyDays()
}

// wantTidyDays wants as many files as are kept, and no halves.
func (b *bench) wantTidyDays() {
	b.t.Helper()
	for folder, suffix := range map[string]string{"data/exceptions": ".csv", "data/days": ".totals"} {
		names, err := b.fs.List(folder)
		if err != nil || len(names) != 39 {
			b.t.Errorf("%s has %d files, %v", folder, len(names), err)
		}
		for _, name := range names {
			if !strings.HasSuffix(name, suffix) {
				b.t.Errorf("%s is in %s", name, folder)
			}
		}
	}
}

// exceptionScene has two meters with a gap each on October 30, and A with another one before.
func exceptionScene(t *testing.T) *bench {
	t.Helper()
	b := newBenchOn(t, "Asia/Singapore", day(time.October, 29))
	b.register("A", "B")
	b.now = b.zone.Time(b.zone.DayStart(day(time.October, 31)))
	for _, id := range []meter.ID{"A", "B"} {
		at := b.uses(id, day(time.October, 29), 1000, 100, 7, 8, 9)
		b.uses(id, day(time.October, 30), at, 100, 21, 22, 23)
	}
	b.archives(day(time.October, 29))
	b.passes(day(time.October, 30))
	return b
}

var ofOctober30 = closing.ExceptionsQuery{Period: day(time.October, 30).Period()}

const (
	gapOfA = "A MISSING 2026-10-30T10:00:00 to 2026-10-30T12:00:00: 2 open"
	gapOfB = "B MISSING 2026-10-30T10:00:00 to 2026-10-30T12:00:00: 2 open"
)

// TestADayOfAClosedMonthIsComputedAgain has what B lacked come after October was closed. A's
// readings stay in the file: what was found of them stands.
func TestADayOfAClosedMonthIsComputedAgain(t *testing.T) {
	b := exceptionScene(t)
	defer func() { b.close() }()
	b.wantExceptions("at first", ofOctober30, gapOfA, gapOfB)
	b.now = time.Date(2026, time.November, 1, 0, 10, 0, 0, b.zone.Location())
	b.closes(meter.Month{Year: 2026, Month: time.October})
	b.wantExceptions("once October is closed", ofOctober30, gapOfA, gapOfB)
	if code := b.record("B", "2026-10-30T11:00:00", "8"); code != "" {
		t.Fatal(code)
	}
	b.archives(day(time.October, 30))
	b.wantExceptions("once the late reading is archived", ofOctober30, gapOfA)
	b.restart()
	b.wantExceptions("after a restart", ofOctober30, gapOfA)
}

func TestADamagedFileIsComputedAgainWhileTheReadingsAreInMemory(t *testing.T) {
	b := exceptionScene(t)
	defer func() { b.close() }()
	for _, path := range []string{"data/exceptions/2026-10-30.csv", "data/exceptions/2026-10-29.csv", "data/days/2026-10-29.totals"} {
		b.damage(path)
	}
	b.restart()
	if got, unknown := b.exceptions(closing.ExceptionsQuery{}); len(got) > 0 || !slices.Equal(unknown, []meter.Day{day(time.October, 29), day(time.October, 30)}) {
		t.Errorf("of damaged files: %v, nothing is known of %v", got, unknown)
	}
	b.now = b.now.AddDate(0, 0, 1)
	b.archives(day(time.October, 31))
	b.wantExceptions("after the next daily run", ofOctober30, gapOfA, gapOfB)
	if err := b.fs.Remove("data/exceptions/2026-10-30.csv"); err != nil {
		t.Fatal(err)
	}
	b.now = b.now.AddDate(0, 0, 1)
	b.archives(day(time.November, 1))
	b.wantExceptions("after the run that follows the loss of a file", ofOctober30, gapOfA, gapOfB)
}

// TestADamagedFileOfAClosedMonthIsNamed has nothing to compute it from.
func TestADamagedFileOfAClosedMonthIsNamed(t *testing.T) {
	b := exceptionScene(t)
	defer func() { b.close() }()
	b.now = time.Date(2026, time.November, 2, 0, 10, 0, 0, b.zone.Location())
	b.closes(meter.Month{Year: 2026, Month: time.October})
	b.damage("data/exceptions/2026-10-30.csv")
	b.archives(day(time.November, 1), day(time.October, 30))
	if got, unknown := b.exceptions(ofOctober30); len(got) > 0 || !slices.Equal(unknown, []meter.Day{day(time.October, 30)}) {
		t.Errorf("of a damaged file: %v, nothing is known of %v", got, unknown)
	}
}

// TestALastRegisterThatComesAfterTheDailyRunCounts has the register of midnight, which the file of
// the day does not hold, come later, far above the one before it.
func TestALastRegisterThatComesAfterTheDailyRunCounts(t *testing.T) {
	b := newBenchOn(t, "Asia/Singapore", day(time.November, 20))
	defer func() { b.close() }()
	d := day(time.November, 20)
	b.register("A")
	b.now = b.zone.Time(b.zone.DayStart(d.AddDays(1))).Add(time.Minute)
	b.uses("A", d, 1000, 100, 48)
	b.archives(d)
	b.wantExceptions("before it comes", closing.ExceptionsQuery{})
	if code := b.record("A", "2026-11-21T00:00:00", "50"); code != "" {
		t.Fatal(code)
	}
	b.now = b.now.AddDate(0, 0, 1)
	b.uses("A", d.AddDays(1), 50_000, 100)
	b.archives(d.AddDays(1))
	b.wantExceptions("after the next run", closing.ExceptionsQuery{Rule: meter.RuleHigh}, "A HIGH 2026-11-20T23:30:00 to 2026-11-21T00:00:00: 44.3 open")
}

// TestExceptionsThatCannotBeWrittenFailNoArchive has a file where their folder should be.
func TestExceptionsThatCannotBeWrittenFailNoArchive(t *testing.T) {
	b := newBench(t, "Asia/Singapore")
	defer func() { b.close() }()
	if err := durable.WriteFile(b.fs, "data/exceptions", func(io.Writer) error { return nil }); err != nil {
		t.Fatal(err)
	}
	b.register("A")
	b.uses("A", day(time.November, 21), 1000, 100)
	run := b.maintain(closing.Request{Kind: closing.Daily, Day: day(time.November, 21)})
	if run.Err != nil || len(run.Archives) != 1 || run.Archives[0].Rows != 48 {
		t.Fatalf("the run: %v, %+v", run.Err, run.Archives)
	}
	if err := b.fs.Remove("data/exceptions"); err != nil {
		t.Fatal(err)
	}
	if _, unknown := b.exceptions(closing.ExceptionsQuery{}); !slices.Equal(unknown, []meter.Day{day(time.November, 21)}) {
		t.Errorf("nothing is known of %v", unknown)
	}
	b.archives(day(time.November, 22))
	if _, unknown := b.exceptions(closing.ExceptionsQuery{}); len(unknown) > 0 {
		t.Errorf("after the next daily run nothing is known of %v", unknown)
	}
}

// dataDisk is one disk for the data folder, of which so many bytes are free, and one for all else.
type dataDisk struct {
	vfs.FS
	free uint64
}

func (d *dataDisk) GetDiskUsage(path string) (vfs.DiskUsage, error) {
	if path == "data" {
		return vfs.DiskUsage{AvailBytes: d.free}, nil
	}
	return vfs.DiskUsage{AvailBytes: 1 << 40}, nil
}

func TestExceptionsDoNotTakeTheLastOfTheDisk(t *testing.T) {
	disk := &dataDisk{FS: vfs.NewMem(), free: 1 << 40}
	b := &bench{t: t, fs: disk, zone: loadZone(t, "Asia/Singapore"), now: now, diskFreeMin: 1 << 30}
	b.open()
	defer func() { b.close() }()
	b.register("A")
	disk.free = b.diskFreeMin + 16 // readings are taken still
	b.archives(day(time.November, 21))
	if _, unknown := b.exceptions(closing.ExceptionsQuery{}); !slices.Equal(unknown, []meter.Day{day(time.November, 21)}) {
		t.Errorf("nothing is known of %v", unknown)
	}
	disk.free++
	b.archives(day(time.November, 21))
	if _, unknown := b.exceptions(closing.ExceptionsQuery{}); len(unknown) > 0 {
		t.Errorf("with room nothing is known of %v", unknown)
	}
}

// TestAnExchangeThatIsEnteredLateTakesItsExceptionBack is about a new dial that begins far above
// the old one.
func TestAnExchangeThatIsEnteredLateTakesItsExceptionBack(t *testing.T) {
	b := newBench(t, "Asia/Singapore")
	defer func() { b.close() }()
	d := day(time.November, 21)
	b.register("A")
	b.uses("A", d.AddDays(-1), 100_000-48*100, 100)
	w := d.Period().Window(b.zone)
	for n := 1; n <= 48; n++ { // half an hour by the old dial, at 10:10 of it the new one comes
		register := fmt.Sprintf("%d.%03d", 100+n/10, n%10*100)
		if n > 20 {
			register = fmt.Sprintf("%d.%03d", 5000+(n-20)/10, (n-20)%10*100)
		}
		if code := b.record("A", b.zone.Stamp(w.From+meter.Slot(n)), register); code != "" {
			t.Fatal(register, code)
		}
	}
	b.passes(d.AddDays(-1))
	b.passes(d)
	high := "A HIGH 2026-11-21T10:00:00 to 2026-11-21T10:30:00: 4898.1 open"
	spike := "A SPIKE 2026-11-21T10:00:00 to 2026-11-21T10:30:00: 4898.1 open"
	b.wantExceptions("before it is entered", closing.ExceptionsQuery{}, high, spike)
	change := meter.Change{
		At: (w.From + 20).Instant() + 600, Kind: meter.Exchange, Old: kwh(t, "102.05"), New: kwh(t, "5000.05"),
	}
	if _, err := b.Exchange(context.Background(), "A", change, false); err != nil {
		t.Fatal(err)
	}
	b.archives(d)
	b.wantExceptions("after", closing.ExceptionsQuery{})
}

func TestAListOfExceptionsWaitsWhileManyAreRead(t *testing.T) {
	b := exceptionScene(t)
	q := closing.ExceptionsQuery{Status: closing.AnyException}
	ctx, cancel := context.WithCancel(context.Background())
	var nest func(depth int) (deepest int, err error)
	nest = func(depth int) (deepest int, err error) {
		failed := b.Exceptions(ctx, q, func(closing.Exception) bool {
			if deepest = depth; depth == 8 {
				cancel() // the next one would wait for ever
			}
			if below, err := nest(depth + 1); err == nil {
				deepest = max(deepest, below)
			}
			return false
		})
		return deepest, failed
	}
	if deepest, err := nest(1); err != nil || deepest != 8 {
		t.Errorf("%d lists were read at a time: %v", deepest, err)
	}
	if all, _ := b.exceptions(q); len(all) == 0 {
		t.Error("there are none afterwards")
	}
}

func TestHighFollowsTheMetersOwnLimit(t *testing.T) {
	b := newBenchOn(t, "Asia/Singapore", day(time.November, 20))
	defer func() { b.close() }()
	d := day(time.November, 20)
	b.register("A", "B")
	b.now = b.zone.Time(b.zone.DayStart(d.AddDays(1))).Add(time.Minute)
	for _, id := range []meter.ID{"A", "B"} {
		b.uses(id, d, 1000, 5001, 2, 3) // more than 5 kWh in a half hour
	}
	if err := b.SetLimits(context.Background(), "B", meter.Limits{MaxKW: meter.Power(kwh(t, "10.002"))}, ""); err != nil {
		t.Fatal(err)
	}
	b.archives(d)
	b.wantExceptions("at its limit", closing.ExceptionsQuery{})
	if err := b.SetLimits(context.Background(), "B", meter.Limits{MaxKW: meter.Power(kwh(t, "10.001"))}, ""); err != nil {
		t.Fatal(err)
	}
	b.archives(d)
	if found, _ := b.exceptions(closing.ExceptionsQuery{Rule: meter.RuleHigh}); len(found) != 46 || found[1] != "B HIGH 2026-11-20T00:30:00 to 2026-11-20T02:00:00: 15.003 open" {
		t.Errorf("above its limit: %d, %v", len(found), found)
	}
}

// TestDaysOfAnyLengthAreWhole goes over the days on which the clock changes, with a spike in the
// hour that it shows twice.
func TestDaysOfAnyLengthAreWhole(t *testing.T) {
	b := newBenchOn(t, "Europe/Berlin", day(time.February, 20))
	defer func() { b.close() }()
	for _, around := range []meter.Day{day(time.March, 29), day(time.October, 25)} {
		id := meter.ID(around.String())
		b.now = b.zone.Time(b.zone.DayStart(around.AddDays(-36)))
		b.register(id)
		at := int64(1000)
		for d := around.AddDays(-35); !around.AddDays(1).Before(d); d = d.AddDays(1) {
			b.now = b.zone.Time(b.zone.DayStart(d.AddDays(1)))
			at = b.uses(id, d, at, 100)
			b.passes(d)
		}
		b.wantExceptions("around "+around.String(), closing.ExceptionsQuery{Meter: id})
	}
	b.register("twice")
	d := day(time.October, 27).AddDays(-2)
	from := b.zone.DayStart(d)
	for n := range meter.Slot(51) { // 02:30 is at 5, and again at 7
		register := 1000 + 100*int64(n)
		if n > 7 {
			register += 5000
		}
		r, _ := meter.RegisterFromParts(register, 3)
		if _, err := b.Record(context.Background(), meter.Reading{Meter: "twice", Slot: from + n, Register: r}); err != nil {
			t.Fatal(err)
		}
	}
	b.archives(d)
	b.wantExceptions("in the hour that comes twice", closing.ExceptionsQuery{Meter: "twice"},
		"twice SPIKE 2026-10-25T02:30:00+01:00 to 2026-10-25T03:00:00: 5.1 open")
	found, err := b.FindException(context.Background(), "twice", meter.RuleSpike, from+7)
	if err != nil {
		t.Fatal(err)
	}
	verdict := store.Resolution{Meter: found.Meter.Index, Rule: found.Rule, From: found.From, Ruling: meter.AsItIs, Reason: "a kiln"}
	if _, err := b.Resolve(context.Background(), verdict); err != nil {
		t.Fatal(err)
	}
	b.wantExceptions("resolved", closing.ExceptionsQuery{Meter: "twice"})
}

// TestABackupHasTheExceptions opens one as a data folder.
func TestABackupHasTheExceptions(t *testing.T) {
	b := exceptionScene(t)
	defer func() { b.close() }()
	if _, err := b.Backup("one"); err != nil {
		t.Fatal(err)
	}
	n := openBackup(t, b, b.fs, "backup/one")
	var found []meter.ID
	err := n.Exceptions(context.Background(), closing.ExceptionsQuery{Period: day(time.October, 30).Period(), Status: closing.ExceptionOpen}, func(e closing.Exception) bool {
		found = append(found, e.Meter.ID)
		return true
	})
	if err != nil || !slices.Equal(found, []meter.ID{"A", "B"}) {
		t.Errorf("a backup has exceptions of %v, %v", found, err)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
}
