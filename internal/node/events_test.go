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

	"meterledger/internal/archive"
	"meterledger/internal/durable"
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// exchanges records an exchange: at, old and new register, and what is set besides.
func (b *bench) exchanges(id meter.ID, at, old, new string, set ...func(*meter.Change)) {
	b.t.Helper()
	c := meter.Change{At: b.instant(at), Kind: meter.Exchange, New: kwh(b.t, new)}
	if old != "" {
		c.Old = kwh(b.t, old)
	}
	for _, set := range set {
		set(&c)
	}
	if _, err := b.Exchange(context.Background(), id, c, false); err != nil {
		b.t.Fatalf("%s at %s: %v", id, at, err)
	}
}

func (b *bench) instant(stamp string) meter.Instant {
	b.t.Helper()
	at, err := b.zone.ParseInstant("at", stamp)
	if err != nil {
		b.t.Fatal(err)
	}
	return at
}

func (b *bench) limits(id meter.ID, rollsOverAt, maxKW string) {
	b.t.Helper()
	if err := b.SetLimits(context.Background(), id, meter.Limits{RollsOverAt: kwh(b.t, rollsOverAt), MaxKW: meter.Power(kwh(b.t, maxKW))}, ""); err != nil {
		b.t.Fatalf("limits of %s: %v", id, err)
	}
}

// corrects corrects readings: a row has the time, what is replaced and by what, or not that if it
// is withdrawn.
func (b *bench) corrects(id meter.ID, reason string, rows ...string) {
	b.t.Helper()
	var list []ledger.Correction
	for _, row := range rows {
		fields := strings.Fields(row)
		was := b.reading(id, fields[0], fields[1])
		c := ledger.Correction{Slot: was.Slot, Expect: was.Register}
		if len(fields) == 3 {
			c.Reading = new(kwh(b.t, fields[2]))
		}
		list = append(list, c)
	}
	if err := b.Correct(context.Background(), id, list, reason, "Tan"); err != nil {
		b.t.Fatalf("%s: %v", reason, err)
	}
}

func unread(estimated string) func(*meter.Change) {
	return func(c *meter.Change) {
		c.IsEstimated = true
		c.Estimated, _ = meter.ParseRegister(estimated)
	}
}

func by(serial, name string) func(*meter.Change) {
	return func(c *meter.Change) { c.Serial, c.By = serial, name }
}

// eventful fills a ledger with meters to which everything has happened that can: in closed and in
// open months, on the grid and off it. All of it is archived.
func eventful(t *testing.T) *bench {
	t.Helper()
	b := newCrashableBench(t)
	b.happen()
	for day := range 3 {
		b.mustMaintain(daily(1 + day))
	}
	b.closes(october.Month)
	return b
}

func (b *bench) happen() {
	b.t.Helper()
	b.register("A", "B", "C", "D", "E", "F")
	b.limits("C", "100", "60")
	b.recordRows([]string{
		"A 2026-09-05T10:00 5123.1", "B 2026-09-05T00:00 70", "C 2026-09-05T00:00 90", "D 2026-09-05T00:00 1", "E 2026-09-05T00:00 8",
		"A 2026-09-30T23:30 5200", "C 2026-09-30T23:30 98.5",
		"F 2026-10-02T00:00 1", "F 2026-10-03T00:00 50", "F 2026-10-03T00:30 51", "F 2026-10-04T00:00 52", "F 2026-11-02T00:00 60", "F 2026-11-02T00:30 61", "F 2026-11-03T00:00 70",
	})
	b.exchanges("A", "2026-10-01T00:17:05", "5201.4", "4000.2", by(`№ 7, "blue"`, "Tan"))
	b.recordRows([]string{
		"C 2026-10-01T00:00 1.25", "A 2026-10-01T00:30 4000.35", "A 2026-10-03T12:00 4100", "B 2026-10-03T12:00 71.5",
		"C 2026-10-03T12:00 40", "C 2026-10-04T12:00 99", "C 2026-10-05T12:00 3", "D 2026-10-09T00:00 2", "E 2026-10-09T00:00 9",
	})
	b.closes(october.Month.Add(-1))
	b.closes(october.Month)
	b.exchanges("B", "2026-10-04T09:59:59", "", "0", unread("0.25"), by("", "Lim")) // late, of a closed month
	b.exchanges("A", "2026-10-20T00:00:00", "4150.5", "7", by("S-3", ""))           // late, on the grid, where nothing stands
	b.exchanges("D", "2026-10-09T00:00:00", "1.5", "2", by("", ""))                 // late, on the grid, where the new dial's stands
	b.exchanges("E", "2026-10-08T12:00:00", "8.25", "8.5", by("wrong", "Tan"))      // to be taken back
	b.exchanges("E", "2026-10-07T12:00:00", "8.125", "8.125", func(c *meter.Change) { c.Kind = meter.Reset })
	b.recordRows([]string{"B 2026-10-05T00:00 0.75", "A 2026-10-21T00:00 9", "D 2026-10-10T00:00 2.5"})
	b.corrects("F", "glitch", "2026-10-03T00:00 50 2", "2026-10-03T00:30 51 3")
	b.corrects("F", "typing error", "2026-10-03T00:00 2 2.5")
	b.now = b.now.Add(time.Minute)
	b.corrects("F", "„never sent“, says the owner", "2026-10-04T00:00 52", "2026-11-02T00:30 61")
	b.corrects("F", "read again", "2026-11-02T00:00 60 59")
	b.closes(october.Month)
	b.recordRows([]string{"A 2026-11-01T00:00 20", "C 2026-11-01T00:00 4", "D 2026-11-02T00:00 3", "A 2026-11-02T10:00 22"})
	b.exchanges("A", "2026-11-02T10:00:00", "22", "0.5", by("S-4", ""))
	b.limits("C", "1000", "0")
	b.limits("D", "0", "7.5")
	b.recordRows([]string{"A 2026-11-02T10:30 0.75", "B 2026-11-03T00:00 1", "C 2026-11-03T00:00 5", "D 2026-11-03T00:00 3.5", "A 2026-11-03T00:00 1"})
}

// lives is all that a ledger knows of its meters, in text.
func (b *bench) lives() (all []string) {
	b.t.Helper()
	all = append(b.points("A", "B", "C", "D", "E", "F"), b.figures()...)
	for _, id := range []meter.ID{"A", "B", "C", "D", "E", "F"} {
		m, known := b.Store().Lookup(id)
		if !known {
			continue
		}
		dials, limits := b.Store().Life(m.Index)
		all = append(all, fmt.Sprint(id, " ", limits.RollsOverAt, " ", limits.MaxKW))
		for _, c := range dials {
			all = append(all, fmt.Sprintf("%s %+v", id, meter.EventOfChange(id, c)))
		}
		for _, past := range b.Store().History(m.Index, meter.Window{To: 1 << 30}) {
			all = append(all, fmt.Sprintf("%s %+v", id, past))
		}
		points := b.readings(b.t, id, meter.Window{To: 1 << 30})
		for n := range points {
			all = append(all, fmt.Sprint(id, " ", points[n].Slot, " ", dials.Used(points[0], points[n])))
		}
	}
	return all
}

func (b *bench) wantLives(when string, want []string) {
	b.t.Helper()
	got := b.lives()
	for _, line := range got {
		if !slices.Contains(want, line) {
			b.t.Errorf("%s: %s came from nowhere", when, line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			b.t.Errorf("%s: %s is gone", when, line)
		}
	}
}

func TestALifeOfAMeterComesBackFromBesideTheArchives(t *testing.T) {
	b := eventful(t)
	defer func() { b.close() }()
	if err := b.TakeBack(t.Context(), "E", b.instant("2026-10-08T12:00:00"), ""); err != nil {
		t.Fatal(err)
	}
	b.closes(october.Month)
	want, file := b.lives(), b.text("Archive/events.csv")
	if strings.Contains(file, "wrong") || !strings.Contains(file, `"№ 7, ""blue"""`) || strings.Count(file, ",rollover,") != 2 {
		t.Errorf("events.csv is\n%s", file)
	}
	b.loses()
	restored := b.restores()
	if restored.Refused != 0 || len(restored.Unverified) != 0 || restored.Accounts != 6 {
		t.Errorf("restored %+v", restored)
	}
	b.wantLives("restored", want)
	if held := b.InMemory(); held != 11 { // those of November
		t.Errorf("%d readings came into memory", held)
	}
	b.kill()
	if again := b.restores(); again.Readings != 0 || again.Refused != 0 {
		t.Errorf("a second time restored %+v", again)
	}
	b.mustMaintain(daily(3))
	b.wantLives("a second time", want)
	if got := b.text("Archive/events.csv"); got != file {
		t.Errorf("the next run wrote\n%s\nwant\n%s", got, file)
	}
	b.close()
	if lines, err := b.verify(); err != nil {
		t.Errorf("%v\n%s", err, strings.Join(lines, "\n"))
	}
	b.open()
}

// TestEventsThatTheMonthsFileDoesNotHaveYetHaveTheirEffect loses the data folder between a daily
// run, which writes the events, and the monthly run that writes the months again.
func TestEventsThatTheMonthsFileDoesNotHaveYetHaveTheirEffect(t *testing.T) {
	kept, lost := eventful(t), eventful(t)
	defer func() { kept.close(); lost.close() }()
	for _, b := range []*bench{kept, lost} {
		b.exchanges("A", "2026-10-25T00:00:00", "10", "3")     // where nothing stands
		b.exchanges("D", "2026-10-10T00:00:00", "2.25", "2.5") // where the new dial's stands
		b.exchanges("C", "2026-10-05T18:00:00", "", "1", unread("0.5"))
		b.corrects("F", "late", "2026-10-02T00:00 1 1.5", "2026-10-03T00:30 3")
		b.corrects("F", "later", "2026-10-02T00:00 1.5 1.25")
		b.corrects("B", "late", "2026-11-03T00:00 1 1.5")
		b.mustMaintain(daily(4))
	}
	lost.loses()
	if restored := lost.restores(); restored.Refused != 0 {
		t.Errorf("restored %+v", restored)
	}
	for _, b := range []*bench{kept, lost} {
		b.closes(october.Month)
		b.mustMaintain(daily(3))
	}
	lost.wantLives("restored", kept.lives())
	if got, want := lost.text("Archive/monthly_2026-10.csv"), kept.text("Archive/monthly_2026-10.csv"); got != want {
		t.Errorf("the month's file is\n%s\nwant\n%s", got, want)
	}
	if again := lost.restores(); again.Readings != 0 || again.Refused != 0 {
		t.Errorf("a second time restored %+v", again)
	}
}

func TestAMonthOfWhichAReadingWasCorrectedSinceComesBackAsItStands(t *testing.T) {
	b := eventful(t)
	defer func() { b.close() }()
	b.corrects("F", "late", "2026-10-02T00:00 1 1.5")
	b.mustMaintain(daily(4))
	want, month := b.points("F"), b.text("Archive/monthly_2026-10.csv")
	b.loses()
	if restored := b.restores(); restored.Refused != 0 {
		t.Errorf("restored %+v", restored)
	}
	if got := b.points("F"); !slices.Equal(got, want) {
		t.Errorf("readings\n got %q\nwant %q", got, want)
	}
	if got := b.text("Archive/monthly_2026-10.csv"); got != month {
		t.Errorf("the month's file was written anew:\n%s", got)
	}
	b.closes(october.Month)
	if got := b.text("Archive/monthly_2026-10.csv"); !strings.Contains(got, "F,2026-10-02T00:00:00,1.5\n") || b.Store().Revision(october.Month) != 2 {
		t.Errorf("the next run wrote\n%s", got)
	}
}

func TestARunBesideAnEmptyDataFolderTakesNoEventAway(t *testing.T) {
	b := eventful(t)
	defer func() { b.close() }()
	want, file := b.lives(), b.text("Archive/events.csv")
	b.loses("G")
	b.limits("G", "5", "0")
	for range 2 { // what it kept the first time is not its own the second time
		b.mustMaintain(daily(4))
		b.restart()
	}
	if got := b.text("Archive/events.csv"); got != file+"G,,limits,,,,,,5,,,,\n" {
		t.Errorf("a run beside an empty ledger wrote\n%s", got)
	}
	if restored := b.restores(); restored.Refused != 0 || len(restored.Unverified) != 0 {
		t.Errorf("restored %+v", restored)
	}
	b.wantLives("restored", want)
}

func TestWhatWasTakenBackStaysSoInTheFile(t *testing.T) {
	b := newCrashableBench(t)
	defer func() { b.close() }()
	b.register("A")
	b.exchanges("A", "2026-11-02T00:00:00", "5", "0")
	b.limits("A", "50", "9")
	b.mustMaintain(daily(3))
	b.restart()
	if err := b.TakeBack(t.Context(), "A", b.instant("2026-11-02T00:00:00"), ""); err != nil {
		t.Fatal(err)
	}
	b.limits("A", "0", "0")
	for range 2 {
		if restored := b.restores(); restored.Events != 0 || restored.Refused != 0 || len(b.Dials(lookUp(b, "A"))) != 0 {
			t.Errorf("restored %+v", restored)
		}
		b.mustMaintain(daily(3))
	}
	if got := b.text("Archive/events.csv"); got != meter.EventHeader+"\n" {
		t.Errorf("events.csv is %q", got)
	}
}

func TestEventsThatAreRecordedOtherwiseAreRefusedByRow(t *testing.T) {
	b := eventful(t)
	defer func() { b.close() }()
	b.loses()
	b.register("A", "C", "D")
	b.exchanges("A", "2026-10-01T00:17:05", "5201.5", "4000.2") // another register
	b.limits("D", "0", "8")
	b.recordRows([]string{"C 2026-09-30T23:30 98.5", "C 2026-10-01T00:00 98.75"}) // so it did not roll over
	restored := b.restores()
	want := []string{
		"2 exchange_conflict at has another exchange already, from 5201.5 to 4000.2 kWh: replace=true puts this one in its place",
		"8 exchange_conflict at is not where the dial rolled over: by 98.75 kWh of 2026-10-01T00:00:00 it did not, or at another register",
	}
	var got []string
	for _, row := range restored.List {
		if row.File == archive.EventsName {
			got = append(got, fmt.Sprint(row.Row, " ", code(t, row.Err), " ", row.Err))
		}
	}
	file := strings.Split(b.text("Archive/events.csv"), "\n")
	for n, line := range file {
		if strings.HasPrefix(line, "D,,limits") {
			want = append(want, fmt.Sprint(n, " exchange_conflict rolls_over_at and max_kw of meter D are recorded with other values"))
		}
	}
	if len(got) != 3 || got[0][2:] != want[0][2:] || got[1][2:] != want[1][2:] || got[2] != want[2] {
		t.Errorf("refused\n%s\nwant\n%s\nof\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"), strings.Join(file, "\n"))
	}
}

func lookUp(b *bench, id meter.ID) (m store.Meter) {
	m, _ = b.Store().Lookup(id)
	return m
}

// edit changes a file of the archive folder.
func (b *bench) edit(name string, change func(string) string) {
	b.t.Helper()
	text := change(b.text("Archive/" + name))
	err := durable.WriteFile(b.fs, "Archive/"+name, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func TestAnEditedFileOfEventsIsNamedAndTheRestComesBack(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(string) string
		row    int
	}{
		{"a row that cannot be read", func(s string) string { return strings.Replace(s, ",rollover,", ",roll,", 1) }, 4},
		{"a newer header", func(s string) string { return strings.Replace(s, ",reason\n", ",reason,tariff\n", 1) }, 0},
		{"cut off", func(s string) string { return s[:len(s)-20] }, 0},
		{"a meter that nobody knows", func(s string) string { return s + "Z,,limits,,,,,,9,,,,\n" }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := eventful(t)
			defer func() { b.close() }()
			b.edit(archive.EventsName, c.change)
			if run := b.maintain(daily(3)); code(t, run.Err) != meter.CodeArchiveConflict || !strings.Contains(run.Err.Error(), archive.EventsName) {
				t.Errorf("over an edited file: %v", run.Err)
			}
			if restored := b.restores(); restored.Readings != 0 || restored.Refused != 1 || restored.List[0].File != archive.EventsName {
				t.Errorf("beside a ledger that knows it: %+v", restored)
			}
			b.loses()
			restored := b.restores()
			if restored.Accounts != 6 || restored.Refused == 0 || restored.List[0].File != archive.EventsName || restored.Readings == 0 {
				t.Errorf("beside an empty ledger: %+v", restored)
			}
			if c.name == "a newer header" {
				if run := b.maintain(daily(3)); code(t, run.Err) != meter.CodeArchiveConflict {
					t.Errorf("a file of a newer version was replaced: %v", run.Err)
				}
			}
		})
	}
}

func TestAMissingFileOfEventsIsWrittenAgain(t *testing.T) {
	b := eventful(t)
	defer func() { b.close() }()
	file := b.text("Archive/events.csv")
	for _, name := range []string{"Archive/events.csv", "Archive/events.json"} {
		if err := b.fs.Remove(name); err != nil {
			t.Fatal(err)
		}
		b.mustMaintain(daily(3))
		if got := b.text("Archive/events.csv"); got != file {
			t.Errorf("without %s the next run wrote\n%s", name, got)
		}
	}
	if err := b.fs.Remove("Archive/events.csv"); err != nil {
		t.Fatal(err)
	}
	b.loses()
	if restored := b.restores(); restored.Accounts != 6 || restored.Readings == 0 {
		t.Errorf("restored %+v", restored)
	}
}

func TestOnlyTheProgramsUserReadsTheEvents(t *testing.T) {
	b := newDiskBench(t)
	defer func() { b.close() }()
	b.register("A")
	b.limits("A", "5", "0")
	b.mustMaintain(daily(3))
	stat, err := vfs.Default.Stat("Archive/events.csv")
	if err != nil || stat.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", stat.Mode(), err)
	}
}

func TestVerifyKnowsTheEvents(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(b *bench)
		want   string
	}{
		{"as written", func(*bench) {}, "good     events.csv: 1 events"},
		{"changed", func(b *bench) { b.edit("events.csv", func(s string) string { return s + "A,,limits,,,,,,5,,,,\n" }) }, "DAMAGED  events.csv: *was changed since it was written*"},
		{"missing", func(b *bench) { must(t, b.fs.Remove("Archive/events.csv")) }, "note     events.csv: it is missing*"},
		{"without its manifest", func(b *bench) { must(t, b.fs.Remove("Archive/events.json")) }, "note     events.csv: it is not the file that its manifest describes*"},
		{"of another ledger", func(b *bench) { b.open(); b.loses(); b.close() }, "unknown  events.csv: *"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newCrashableBench(t)
			b.register("A")
			b.limits("A", "9", "0")
			b.mustMaintain(daily(3))
			b.close()
			c.change(b)
			lines, err := b.verify()
			if (err != nil) != strings.HasPrefix(c.want, "DAMAGED") {
				t.Errorf("error %v", err)
			}
			wantLines(t, lines, c.want)
		})
	}
}

// TestAMergedFileThatIsCutOffIsMergedAgain kills a run beside an empty data folder around the
// moment at which its file, with events that the store does not know, takes the old one's place.
func TestAMergedFileThatIsCutOffIsMergedAgain(t *testing.T) {
	for _, percent := range []int{0, 100} {
		b := eventful(t)
		want := b.lives()
		b.copyFile("events.csv", "kept.csv")
		b.copyFile("events.json", "kept.json")
		b.loses("G")
		must(t, b.fs.Remove("Archive/events.csv"))
		b.limits("G", "5", "0")
		b.mustMaintain(daily(4)) // a file of its own
		b.copyFile("kept.csv", "events.csv")
		b.copyFile("kept.json", "events.json")
		b.close()
		disk := b.fs.(*vfs.MemFS)
		var after []*vfs.MemFS
		b.fs = &renaming{disk, func(to string) {
			if to == "Archive/events.csv" || to == "Archive/events.json" {
				after = append(after, disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: drawn(percent)}))
			}
		}}
		b.open()
		b.mustMaintain(daily(4))
		b.close()
		for n, disk := range after {
			b.fs = disk
			b.open()
			b.mustMaintain(daily(4))
			b.close()
			b.open()
			if text := b.text("Archive/events.csv"); strings.Count(text, "\nG,,limits,,,,,,5,,,,\n") != 1 {
				t.Errorf("cut off at %d of %d: events.csv is\n%s", n, len(after), text)
			}
			if restored := b.restores(); restored.Refused != 0 {
				t.Errorf("cut off at %d of %d: restored %+v", n, len(after), restored)
			}
			b.wantLives("restored", want)
			b.close()
		}
		if len(after) != 2 {
			t.Errorf("%d files took their places", len(after))
		}
	}
}
