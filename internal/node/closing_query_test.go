package node_test

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/closing"
	"meterledger/internal/durable"
	"meterledger/internal/meter"
	"meterledger/internal/vee"
)

var october = closing.Request{Kind: closing.Monthly, Month: meter.Month{Year: 2026, Month: time.October}}

// closedWithALateReading is a ledger in which October was closed with one reading
// of A, and then a later one of the same month came, which needs no recall.
func closedWithALateReading(t *testing.T, fs vfs.FS) *bench {
	t.Helper()
	b := &bench{t: t, fs: fs, zone: loadZone(t, "Asia/Singapore"), now: now}
	b.open()
	b.register("A")
	b.record("A", "2026-10-10T10:00", "20")
	if run := b.maintain(october); run.Err != nil {
		t.Fatal(run.Err)
	}
	if got := b.record("A", "2026-10-12T10:00", "22"); got != "" {
		t.Fatal(got)
	}
	return b
}

func (b *bench) wantTwoOfOctober(when string) {
	b.t.Helper()
	if points := b.readings(b.t, "A", b.zone.MonthWindow(october.Month)); len(points) != 2 {
		b.t.Errorf("%s A has %d readings in October, want 2", when, len(points))
	}
}

func TestQueriesAndLateReadingsGoOnAfterARunThatWasCutOffAfterTheRename(t *testing.T) {
	fs := &brokenFolder{FS: vfs.NewMem()}
	b := closedWithALateReading(t, fs)
	defer func() { b.close() }()
	fs.broken = true
	if run := b.maintain(october); run.Err == nil {
		t.Fatal("the run did not notice that the folder cannot be synced")
	}
	fs.broken = false
	b.wantTwoOfOctober("after the run was cut off")
	b.restart()
	b.wantTwoOfOctober("after a restart")
	for _, late := range []struct {
		stamp, register string
		want            meter.Code
	}{
		{"2026-10-12T10:00", "22", ""},                 // in the new file and in memory
		{"2026-10-12T10:00", "21", "reading_conflict"}, //
		{"2026-10-10T10:00", "20", ""},                 // in the old file
		{"2026-10-11T10:00", "21", ""},                 // new
	} {
		if got := b.record("A", late.stamp, late.register); got != late.want {
			t.Errorf("%s %s: got %q, want %q", late.stamp, late.register, got, late.want)
		}
	}
	if run := b.maintain(october); run.Err != nil {
		t.Fatal(run.Err)
	}
	if points := b.readings(t, "A", b.zone.MonthWindow(october.Month)); len(points) != 3 {
		t.Errorf("A has %d readings in October, want 3", len(points))
	}
}

// watchedArchive is a file system that calls back once when October's archive is
// opened, by which a query may be held up there.
type watchedArchive struct {
	vfs.FS
	opened atomic.Pointer[func()]
}

func (f *watchedArchive) Open(name string, o ...vfs.OpenOption) (vfs.File, error) {
	if strings.HasSuffix(name, "monthly_2026-10.csv") {
		if opened := f.opened.Swap(nil); opened != nil {
			(*opened)()
		}
	}
	return f.FS.Open(name, o...)
}

func TestAQueryIsRightWhileItsMonthIsArchivedAgain(t *testing.T) {
	fs := &watchedArchive{FS: vfs.NewMem()}
	b := closedWithALateReading(t, fs)
	defer b.close()
	archiveAgain := func() { // by the query, which has looked at memory already
		if run := b.maintain(october); run.Err != nil {
			t.Error(run.Err)
		}
	}
	fs.opened.Store(&archiveAgain)
	b.wantTwoOfOctober("while it was archived again")
}

// TestAMeterThatMemoryHoldsIsNotLookedForInTheArchive has the late meter's rows altered
// in the file, which the next run must notice.
func TestAMeterThatMemoryHoldsIsNotLookedForInTheArchive(t *testing.T) {
	b := closedWithALateReading(t, vfs.NewMem())
	defer b.close()
	for _, register := range []string{"22", "22.5"} {
		err := durable.WriteFile(b.fs, "Archive/monthly_2026-10.csv", func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "meter_id,timestamp,reading\nA,2026-10-10T10:00:00,20\nA,2026-10-12T10:00:00,%s\n", register)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		c, err := b.Consumption("A", b.zone.MonthWindow(october.Month), vee.None)
		if err != nil || c.Energy().String() != "2" {
			t.Errorf("memory has 22 and the archive %s: the consumption is %v, %v", register, c.Energy(), err)
		}
		if got := code(t, b.maintain(october).Err); got != meter.CodeArchiveConflict {
			t.Errorf("memory has 22 and the archive %s: the run says %q", register, got)
		}
	}
}

// TestAnAlteredRowIsNeitherToldNorRecalled alters a row between the first and the last of a meter's month, and puts
// the original back.
func TestAnAlteredRowIsNeitherToldNorRecalled(t *testing.T) {
	b := newBench(t, "Asia/Singapore")
	defer b.close()
	b.register("A")
	for stamp, register := range map[string]string{"2026-10-10T10:00": "10", "2026-10-11T10:00": "15", "2026-10-12T10:00": "20"} {
		b.record("A", stamp, register)
	}
	if run := b.maintain(october); run.Err != nil {
		t.Fatal(run.Err)
	}
	const path, head = "Archive/monthly_2026-10.csv", "meter_id,timestamp,reading\nA,2026-10-10T10:00:00,10\n"
	put := func(register string) {
		err := durable.WriteFile(b.fs, path, func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "%sA,2026-10-11T10:00:00,%s\nA,2026-10-12T10:00:00,20\n", head, register)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	put("17")
	if got := b.record("A", "2026-10-11T12:00", "18"); got != meter.CodeArchiveConflict {
		t.Errorf("a late reading: %q", got)
	}
	_, err := b.Consumption("A", b.zone.MonthWindow(october.Month), vee.None)
	if got := code(t, err); got != meter.CodeArchiveConflict {
		t.Errorf("the consumption is answered %q", got)
	}
	put("15")
	if got := b.record("A", "2026-10-11T12:00", "18"); got != "" {
		t.Errorf("a late reading beside the original: %q", got)
	}
	if run := b.maintain(october); run.Err != nil || run.Archives[0].Rows != 4 {
		t.Errorf("the run: %+v, %v", run.Archives, run.Err)
	}
}
