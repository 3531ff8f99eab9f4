package node_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/internal/billing"
	"meterledger/internal/closing"
	"meterledger/internal/faulttest"
	"meterledger/internal/meter"
	"meterledger/internal/node"
)

// lived fills a ledger with three closed months, late readings among them, and open
// days that are archived.
func lived(t *testing.T) *bench {
	t.Helper()
	b := newCrashableBench(t)
	b.register("A", "B", "C")
	b.recordRows([]string{
		"A 2026-08-05T00:00 1", "A 2026-08-31T23:30 2", "A 2026-09-01T00:00 2.125", "A 2026-09-20T00:00 3", "A 2026-10-01T00:00 4",
		"A 2026-10-31T23:30 5", "A 2026-11-01T00:00 5.5", "A 2026-11-03T10:00 6", "B 2026-08-07T07:30 10", "B 2026-10-09T07:30 11",
		"C 2026-11-03T00:00 0.5",
	})
	for month := range 3 {
		b.closes(meter.Month{Year: 2026, Month: time.August}.Add(month))
	}
	b.recordRows([]string{"A 2026-09-10T00:00 2.5", "B 2026-10-31T20:00 12"})
	b.closes(october.Month)
	for _, day := range []int{1, 3} {
		run := b.maintain(closing.Request{Kind: closing.Daily, Day: meter.Day{Year: 2026, Month: time.November, Day: day}})
		if run.Err != nil {
			t.Fatal(run.Err)
		}
	}
	for _, day := range []int{9, 31} { // of a closed month
		run := b.maintain(closing.Request{Kind: closing.Daily, Day: meter.Day{Year: 2026, Month: time.October, Day: day}})
		if run.Err != nil {
			t.Fatal(run.Err)
		}
	}
	return b
}

func (b *bench) closes(month meter.Month) {
	b.t.Helper()
	if run := b.maintain(closing.Request{Kind: closing.Monthly, Month: month}); run.Err != nil {
		b.t.Fatal(run.Err)
	}
}

// figures are those of all bills.
func (b *bench) figures() (all []string) {
	b.t.Helper()
	for _, id := range []meter.ID{"A", "B", "C"} {
		for month := range 4 {
			name := meter.Month{Year: 2026, Month: time.August}.Add(month)
			if bill, err := b.Bill(id, name); err == nil {
				all = append(all, fmt.Sprint(id, " ", name, " ", billing.Figures(bill.Figures)))
			}
		}
	}
	return all
}

// loses takes the data folder away, and registers the meters in a new one.
func (b *bench) loses(ids ...meter.ID) {
	b.t.Helper()
	b.close()
	if err := b.fs.RemoveAll("data"); err != nil {
		b.t.Fatal(err)
	}
	b.open()
	b.register(ids...)
}

func (b *bench) restores() closing.Restored {
	b.t.Helper()
	restored, err := b.RestoreArchives()
	if err != nil {
		b.t.Fatal(err)
	}
	return restored
}

func TestALostDataFolderComesBackFromItsArchives(t *testing.T) {
	b := lived(t)
	defer func() { b.close() }()
	points, figures := b.points("A", "B", "C"), b.figures()
	archives := b.Status().Archives
	b.loses("C", "B", "A") // in another order
	restored := b.restores()
	if restored.Readings != 13 || restored.Meters != 3 || restored.Refused != 0 || restored.Duplicates != 3 {
		t.Errorf("restored %+v", restored)
	}
	if got := b.points("A", "B", "C"); !slices.Equal(got, points) {
		t.Errorf("readings\n got %q\nwant %q", got, points)
	}
	if got := b.figures(); !slices.Equal(got, figures) {
		t.Errorf("bills\n got %q\nwant %q", got, figures)
	}
	if held := b.InMemory(); held != 3 { // those of November
		t.Errorf("%d readings came into memory", held)
	}
	got := b.Status().Archives
	if len(got) != len(archives) {
		t.Errorf("archives %+v, want %+v", got, archives)
	}
	for i := range min(len(got), len(archives)) {
		if got[i].ArchiveInfo != archives[i].ArchiveInfo || got[i].State != closing.ArchiveGood || !got[i].WrittenAt.Equal(archives[i].WrittenAt) {
			t.Errorf("archive %+v, want %+v", got[i], archives[i])
		}
	}
	b.kill()
	if again := b.restores(); again.Readings != 0 || again.Refused != 0 {
		t.Errorf("a second time restored %+v", again)
	}
	if code := b.record("A", "2026-11-04T00:00", "5.75"); code != meter.CodeReadingDecreases {
		t.Errorf("the rising rule: %q", code)
	}
	if code := b.record("B", "2026-09-09T00:00", "10.5"); code != "" {
		t.Errorf("a late reading: %q", code)
	}
	b.closes(october.Month)
	if got := b.points("B"); !slices.Contains(got, "B 2026-09-09T00:00:00 10.5") {
		t.Errorf("readings of B %q", got)
	}
}

// put writes a file into the archive folder.
func (b *bench) put(name string, lines ...string) {
	b.t.Helper()
	file, err := b.fs.Create("Archive/"+name, "test")
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := file.Write([]byte(strings.Join(lines, "\n"))); err != nil {
		b.t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		b.t.Fatal(err)
	}
}

const header = "meter_id,timestamp,reading"

// TestARestoreReadsAFileToItsEndHoweverManyRowsAreRefused: too many of them end a body that is
// sent, but an operator looks for what can be saved.
func TestARestoreReadsAFileToItsEndHoweverManyRowsAreRefused(t *testing.T) {
	b := newCrashableBench(t)
	defer func() { b.close() }()
	b.register("A")
	lines := slices.Repeat([]string{"nobody,2026-11-02T00:00:00,1"}, meter.RefusedRunMax+1)
	b.put("monthly_copy.csv", append(append([]string{header}, lines...), "A,2026-11-02T00:00:00,1", "")...)
	if r := b.restores(); r.Readings != 1 || r.Refused != meter.RefusedRunMax+1 || len(r.List) != meter.RefusalsMax {
		t.Errorf("restored %d, refused %d, listed %d", r.Readings, r.Refused, len(r.List))
	}
}

func TestARestoreOnAFullDiskFailsAsAWhole(t *testing.T) {
	disk := &limitedDisk{FS: vfs.NewMem()}
	disk.free.Store(2000)
	b := &bench{t: t, fs: disk, zone: loadZone(t, "Asia/Singapore"), now: now, diskFreeMin: 1000}
	b.open()
	defer b.close()
	b.register("A")
	b.put("monthly_copy.csv", header, "A,2026-11-02T00:00:00,1", "")
	disk.free.Store(1001)
	if _, err := b.RestoreArchives(); meter.CodeOf(err) != meter.CodeDiskFull {
		t.Errorf("the restore says %v", err)
	}
	disk.free.Store(2000)
	if r := b.restores(); r.Readings != 1 || r.Refused != 0 {
		t.Errorf("with space again: %+v", r)
	}
}

func TestFilesOfOthersComeBackAsClosedMonths(t *testing.T) {
	b := newCrashableBench(t)
	defer func() { b.close() }()
	b.register("A", "B")
	b.put("monthly_2026-10.csv", header, "B,2026-10-02T00:00:00,44.64", "A,2026-10-31T23:30:00,5", "A,2026-10-01T00:00:00,1.0")
	b.put("monthly_2026-09.csv", header, "A,2026-09-30T00:00:00,0.5", "") // as we would write it
	b.put("daily_2026-10-02.csv", header, "B,2026-10-02T00:00:00,44.64", "B,2026-10-02T00:30:00,44.70")
	restored := b.restores()
	if restored.Readings != 5 || restored.Meters != 2 || restored.Duplicates != 1 || restored.Refused != 0 {
		t.Errorf("restored %+v", restored)
	}
	if held := b.InMemory(); held != 0 {
		t.Errorf("%d readings are in memory", held)
	}
	bill, err := b.Bill("A", october.Month)
	if err != nil || bill.Start.Register.String() != "1" || bill.End.Register.String() != "5" {
		t.Errorf("bill %+v, %v", bill, err)
	}
	bill, err = b.Bill("A", october.Month.Add(-1))
	if err != nil || bill.Start.Register.String() != "0.5" || bill.End.Register.String() != "1" {
		t.Errorf("bill %+v, %v", bill, err)
	}
	want := []string{
		"A 2026-09-30T00:00:00 0.5", "A 2026-10-01T00:00:00 1", "A 2026-10-31T23:30:00 5",
		"B 2026-10-02T00:00:00 44.64", "B 2026-10-02T00:30:00 44.7",
	}
	if got := b.points("A", "B"); !slices.Equal(got, want) {
		t.Errorf("readings %q", got)
	}
}

func TestAMonthOfWhichRowsAreRefusedStaysOpenAndItsFileStays(t *testing.T) {
	b := newCrashableBench(t)
	defer func() { b.close() }()
	b.register("A")
	b.put("monthly_2026-10.csv", header, "A,2026-10-01T00:00:00,1", "stranger,2026-10-01T00:00:00,1", "")
	restored := b.restores()
	if restored.Readings != 1 || restored.Refused != 1 || restored.List[0].Row != 2 || code(t, restored.List[0].Err) != meter.CodeMeterNotFound {
		t.Errorf("restored %+v", restored)
	}
	if _, err := b.Bill("A", october.Month); code(t, err) != meter.CodeBillNotFound {
		t.Errorf("bill %v", err)
	}
	b.register("stranger")
	b.closes(october.Month)
	if bill, err := b.Bill("stranger", october.Month); err != nil || bill.Readings != 1 {
		t.Errorf("bill %+v, %v", bill, err)
	}
}

func TestAFileThatDoesNotFitItsManifestIsNotBelieved(t *testing.T) {
	b := lived(t)
	defer func() { b.close() }()
	b.loses("A", "B", "C")
	edited := []string{header, "A,2026-10-01T00:00:00,4", "A,2026-10-31T23:30:00,400", ""}
	b.put("monthly_2026-10.csv", edited...)
	restored := b.restores() // on an empty ledger: row by row
	if restored.Refused != 1 || restored.List[0].Row != 2 || code(t, restored.List[0].Err) != meter.CodeReadingDecreases ||
		!slices.Equal(restored.Unverified, []string{"monthly_2026-10.csv"}) {
		t.Errorf("restored %+v", restored)
	}
	run := b.maintain(october)
	if code(t, run.Err) != meter.CodeArchiveConflict {
		t.Errorf("archiving over it: %v", run.Err)
	}
	if got := b.text("Archive/monthly_2026-10.csv"); got != strings.Join(edited, "\n") {
		t.Errorf("the file is %q now", got)
	}
}

func (b *bench) text(path string) string {
	b.t.Helper()
	file, err := b.fs.Open(path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer file.Close()
	stat, err := file.Stat()
	if err != nil {
		b.t.Fatal(err)
	}
	content := make([]byte, stat.Size())
	if _, err := file.ReadAt(content, 0); err != nil {
		b.t.Fatal(err)
	}
	return string(content)
}

func TestAMonthWhoseRegistersDoNotFitIsJudgedRowByRow(t *testing.T) {
	for _, c := range []struct {
		name, row string
		refused   int
	}{
		{"below what came before", "A,2026-10-01T00:00:00,1", 1},
		{"above what came behind", "A,2026-10-01T00:00:00,9", 1},
		{"between them", "A,2026-10-01T00:00:00,5", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newCrashableBench(t)
			defer func() { b.close() }()
			b.register("A")
			b.recordRows([]string{"A 2026-09-01T00:00 2", "A 2026-11-10T00:00 8"})
			b.closes(october.Month.Add(-1))
			b.put("monthly_2026-10.csv", header, c.row, "")
			if restored := b.restores(); restored.Refused != c.refused || restored.Readings != 1-c.refused {
				t.Errorf("restored %+v", restored)
			}
			if _, err := b.Bill("A", october.Month); (err == nil) != (c.refused == 0) {
				t.Errorf("bill: %v", err)
			}
		})
	}
}

func TestAMonthInTheWayIsAdoptedAsItStands(t *testing.T) {
	b := newCrashableBench(t)
	defer func() { b.close() }()
	b.register("A")
	b.put("monthly_2026-10.csv", header, "A,2026-10-01T00:00:00,1.50", "A,2026-10-02T00:00:00,2", "")
	b.closes(october.Month)
	if text := b.text("Archive/monthly_2026-10.csv"); !strings.Contains(text, "1.50") {
		t.Errorf("it was written anew: %q", text)
	}
	if archives := b.Status().Archives; len(archives) != 1 || archives[0].Rows != 2 || archives[0].State != closing.ArchiveGood {
		t.Errorf("archives %+v", archives)
	}
	b.kill()
	b.recordRows([]string{"A 2026-10-01T12:00 1.75"})
	b.closes(october.Month)
	if bill, err := b.Bill("A", october.Month); err != nil || bill.Readings != 3 || bill.Revision != 2 {
		t.Errorf("bill %+v, %v", bill, err)
	}
}

func TestARestoreThatIsKilledCanBeRepeated(t *testing.T) {
	b := lived(t)
	points, figures := b.points("A", "B", "C"), b.figures()
	b.loses("A", "B", "C")
	b.close()
	prepared := b.fs.(*vfs.MemFS)
	n, every := 1, faulttest.Every(3)
	for ; ; n += every {
		disk := prepared.CrashClone(vfs.CrashCloneCfg{})
		var after *vfs.MemFS
		kill := &failpoints{steps: make(map[string]int), at: func(count int, _ errorfs.Op) error {
			if count == n {
				after = disk.CrashClone(vfs.CrashCloneCfg{})
			}
			return nil
		}}
		b.fs = errorfs.Wrap(disk, kill)
		b.open()
		kill.arm(true)
		b.restores()
		kill.arm(false)
		b.close()
		if after == nil {
			break
		}
		b.fs = after
		b.open()
		b.restores()
		if got := b.points("A", "B", "C"); !slices.Equal(got, points) {
			t.Errorf("readings\n got %q\nwant %q", got, points)
		}
		if got := b.figures(); !slices.Equal(got, figures) {
			t.Errorf("bills\n got %q\nwant %q", got, figures)
		}
		b.close()
		if t.Failed() {
			t.Fatalf("killed at operation %d", n)
		}
	}
	if n < 20 {
		t.Errorf("only %d operations were seen", n-1)
	}
}

func TestAStartBesideUnknownArchivesSaysWhatToDo(t *testing.T) {
	b := lived(t)
	b.close()
	if err := b.fs.RemoveAll("data"); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	o := b.options()
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	l, err := node.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"POST /restore_data", "months=3", "oldest=2026-08", "newest=2026-10", "meters_registered=0"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("the log does not say %q:\n%s", part, log.String())
		}
	}
}
