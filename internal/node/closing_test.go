package node_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/internal/closing"
	"meterledger/internal/faulttest"
	"meterledger/internal/meter"
	"meterledger/internal/query"
	"meterledger/internal/vee"
)

// brokenFolder is a file system whose archive folder cannot be synced while it is
// broken: files are renamed, and then the run fails.
type brokenFolder struct {
	vfs.FS
	broken bool
}

func (f *brokenFolder) OpenDir(name string) (vfs.File, error) {
	if f.broken && name == "Archive" {
		return nil, errors.New("input/output error")
	}
	return f.FS.OpenDir(name)
}

func TestRunsThatWereCutOffOnEitherSideOfTheManifestCanBeRepeated(t *testing.T) {
	left := -1 // how often the archive's folder is still synced; less than 0 is always
	fs := faulttest.Watch(vfs.NewMem(), func(op errorfs.Op) error {
		if op.Kind != errorfs.OpOpenDir || op.Path != "Archive" {
			return nil
		}
		if left--; left == -1 {
			return errors.New("input/output error")
		}
		return nil
	})
	b := &bench{t: t, fs: fs, zone: loadZone(t, "Asia/Singapore"), now: now}
	b.open()
	defer func() { b.close() }()
	b.register("A")
	b.record("A", "2026-10-10T10:00", "20")
	for _, cut := range []struct {
		after int // the first run puts file and manifest in place, the second another file, and not its manifest
		late  string
	}{{1, "2026-10-11T10:00"}, {0, "2026-10-12T10:00"}} {
		left = cut.after
		if run := b.maintain(october); run.Err == nil {
			t.Fatal("the run did not notice that the folder cannot be synced")
		}
		left = -1
		b.restart()
		if got := b.record("A", cut.late, "21"); got != "" {
			t.Fatal(got)
		}
	}
	if run := b.maintain(october); run.Err != nil {
		t.Fatal(run.Err)
	}
	if points := b.readings(t, "A", b.zone.MonthWindow(october.Month)); len(points) != 3 {
		t.Errorf("A has %d readings in October, want 3", len(points))
	}
}

func TestARunThatIsCutOffByAStopIsAnsweredLikeOneThatBeginsThen(t *testing.T) {
	var b *bench
	stopped := make(chan struct{})
	fs := faulttest.Watch(vfs.NewMem(), func(op errorfs.Op) error {
		if op.Kind != errorfs.OpCreate || !strings.HasPrefix(op.Path, "Archive/monthly_2026-10.csv") {
			return nil
		}
		go func() {
			b.Runs.Close()
			close(stopped)
		}()
		for { // until the run is told to end
			if _, err := b.Start(october); meter.CodeOf(err) == meter.CodeNotReceiving {
				return nil
			}
		}
	})
	b = &bench{t: t, fs: fs, zone: loadZone(t, "Asia/Singapore"), now: now}
	b.open()
	defer func() { b.close() }()
	b.register("A")
	b.record("A", "2026-10-10T10:00", "20")
	run := b.maintain(october)
	<-stopped
	if meter.CodeOf(run.Err) != meter.CodeNotReceiving || !meter.Passes(run.Err) {
		t.Errorf("it ends with %v", run.Err)
	}
}

func TestRunThatWasCutOffAfterTheRenameCanBeRepeated(t *testing.T) {
	fs := &brokenFolder{FS: vfs.NewMem()}
	b := &bench{t: t, fs: fs, zone: loadZone(t, "Asia/Singapore"), now: now}
	b.open()
	defer func() { b.close() }()
	b.register("A", "B")
	b.record("A", "2026-10-31T23:30", "20")
	b.record("B", "2026-10-31T23:30", "7")
	for _, late := range []string{"", "2026-10-31T22:30", "2026-10-31T23:00"} { // the first closing, and two more
		if late != "" {
			if got := b.record("A", late, "19"); got != "" {
				t.Fatal(got)
			}
		}
		fs.broken = true
		if run := b.maintain(october); run.Err == nil {
			t.Fatal("the run did not notice that the folder cannot be synced")
		}
		fs.broken = false
		b.restart()
		if run := b.maintain(october); run.Err != nil {
			t.Fatalf("the run cannot be repeated: %v", run.Err)
		}
	}
	points := b.readings(t, "A", b.zone.MonthWindow(october.Month))
	if len(points) != 3 {
		t.Errorf("A has %d readings, want 3", len(points))
	}
	if archived := b.Status().Archives; archived[0].Rows != 4 {
		t.Errorf("the archive has %d rows, want 4", archived[0].Rows)
	}
}

func TestRunThatWasCutOffTwiceCanBeRepeated(t *testing.T) {
	after := &brokenFolder{FS: vfs.NewMem()}
	before := &archiveDisk{FS: after}
	b := &bench{t: t, fs: before, zone: loadZone(t, "Asia/Singapore"), now: now}
	b.open()
	defer func() { b.close() }()
	b.register("A")
	b.record("A", "2026-10-31T23:30", "20")
	if run := b.maintain(october); run.Err != nil {
		t.Fatal(run.Err)
	}
	cutOff := func(late, register string) {
		t.Helper()
		if got := b.record("A", late, register); got != "" {
			t.Fatal(got)
		}
		if run := b.maintain(october); run.Err == nil {
			t.Fatal("the run was not cut off")
		}
		after.broken, before.before = false, nil
		b.restart()
	}
	after.broken = true // the new file is in place
	cutOff("2026-10-31T23:00", "19")
	notInPlace := func() error { return io.ErrShortWrite }
	before.before = notInPlace
	cutOff("2026-10-31T22:30", "18")
	before.before = notInPlace
	cutOff("2026-10-31T22:00", "17")
	if run := b.maintain(october); run.Err != nil || run.Archives[0].Rows != 4 {
		t.Errorf("the run cannot be repeated: %+v, %v", run.Archives, run.Err)
	}
	if points := b.readings(t, "A", b.zone.MonthWindow(october.Month)); len(points) != 4 {
		t.Errorf("A has %d readings, want 4", len(points))
	}
}

func TestQuestionsAreAnsweredWhileANewArchiveWaitsForItsClosing(t *testing.T) {
	fs := &brokenFolder{FS: vfs.NewMem()}
	b := &bench{t: t, fs: fs, zone: loadZone(t, "Asia/Singapore"), now: now}
	b.open()
	defer func() { b.close() }()
	b.register("A")
	b.record("A", "2026-10-31T22:00", "18")
	b.record("A", "2026-10-31T22:30", "19")
	if run := b.maintain(october); run.Err != nil {
		t.Fatal(run.Err)
	}
	// It is the latest of all: the archived rows stay where they are.
	if got := b.record("A", "2026-10-31T23:30", "20"); got != "" {
		t.Fatal(got)
	}
	fs.broken = true
	if run := b.maintain(october); run.Err == nil {
		t.Fatal("the run did not notice that the folder cannot be synced")
	}
	window := b.zone.MonthWindow(october.Month)
	if points := b.readings(t, "A", window); len(points) != 3 {
		t.Errorf("A has the readings %v, want 3", points)
	}
	page, err := b.Series("A", query.SeriesQuery{Window: window, Interval: query.HalfHour, Estimate: vee.LinearOnly, PageSize: 2000})
	if err != nil {
		t.Fatal(err)
	}
	for bucket := range page.Buckets() {
		if b.zone.Stamp(bucket.Window.To) == "2026-10-31T23:00:00" && bucket.End.Register != kwh(t, "19.5") {
			t.Errorf("23:00 is estimated at %v", bucket.End)
		}
	}
	rows := 0
	err = b.Export(t.Context(), meter.Window{From: window.From, To: window.To - 1}, func(_ meter.ID, points []meter.Point) error {
		rows += len(points)
		return nil
	})
	if err != nil || rows != 3 {
		t.Errorf("the export has %d rows, want 3: %v", rows, err)
	}
	fs.broken = false
}

func TestLateReadingsOfManyMetersAreTakenInOneCall(t *testing.T) {
	b := newBench(t, "Asia/Singapore")
	defer b.close()
	var onTime, late []meter.Reading
	for i := range 300 { // more than one commit recalls
		id := meter.ID(fmt.Sprintf("M%03d", i))
		b.register(id)
		onTime = append(onTime, b.reading(id, "2026-10-31T23:30", "20"))
		late = append(late, b.reading(id, "2026-10-31T23:00", "19"), b.reading(id, "2026-10-31T23:30", "20"))
	}
	if _, err := b.RecordMany(t.Context(), onTime); err != nil {
		t.Fatal(err)
	}
	b.maintain(closing.Request{Kind: closing.Monthly, Month: meter.Month{Year: 2026, Month: time.October}})
	results, err := b.RecordMany(t.Context(), late)
	if err != nil || len(results) != len(late) {
		t.Fatalf("%d results of %d, %v", len(results), len(late), err)
	}
	for i, result := range results {
		if result.Err != nil || result.Duplicate != (i%2 == 1) {
			t.Errorf("reading %d: %+v", i, result)
		}
	}
}
