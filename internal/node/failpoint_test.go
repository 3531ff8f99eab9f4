package node_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/internal/archive"
	"meterledger/internal/closing"
	"meterledger/internal/faulttest"
	"meterledger/internal/meter"
)

// failpoints counts the operations on the disk while it is armed, and does
// something at one of them.
type failpoints struct {
	mu    sync.Mutex // guards all below
	armed bool
	count int
	steps map[string]int // how often each step was come to
	trace []string
	at    func(n int, op errorfs.Op) error
}

func (f *failpoints) MaybeError(op errorfs.Op) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	step := stepOf(op)
	if !f.armed || step == "" {
		return nil
	}
	f.count++
	f.steps[step]++
	f.trace = append(f.trace, fmt.Sprint(f.count, " ", step, " ", op.Kind, " ", op.Path))
	return f.at(f.count, op)
}

func (f *failpoints) String() string { return "failpoints" }

func (f *failpoints) arm(armed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed = armed
}

// stepOf names the step of closing a month that an operation belongs to. What the
// journal's database does beside its log has tests of its own.
func stepOf(op errorfs.Op) string {
	sync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
	temporary := strings.HasSuffix(op.Path, ".tmp")
	part := "archive"
	if strings.Contains(op.Path, ".json") {
		part = "manifest"
	}
	switch {
	case op.Kind == errorfs.OpGetDiskUsage:
	case strings.HasPrefix(op.Path, "data/journal/") && strings.HasSuffix(op.Path, ".log"):
		if op.Kind == errorfs.OpFileWrite || sync {
			return "journal"
		}
	case !strings.HasPrefix(op.Path, "Archive"):
	case op.Path == "Archive":
		return "folder"
	case op.Kind == errorfs.OpRename:
		return part + " renamed"
	case temporary && op.Kind == errorfs.OpCreate:
		return part + " created"
	case temporary && op.Kind == errorfs.OpFileWrite:
		return part + " written"
	case temporary && sync:
		return part + " synced"
	case temporary && (op.Kind == errorfs.OpOpen || op.Kind == errorfs.OpFileRead):
		return part + " read back"
	default:
		return part + " touched"
	}
	return ""
}

// closingSteps is what a sweep must have come by.
var closingSteps = []string{
	"journal", "archive created", "archive written", "archive synced", "archive read back", "archive renamed", "folder",
	"manifest created", "manifest written", "manifest synced", "manifest renamed",
}

// scene is a month that is about to be closed: for the first time, or again.
type scene struct {
	name     string
	again    bool
	revision int // of A's bill, once it is done
	rows     uint64

	compressed, compress bool // what it was written as, and is now

	hasEvents bool // beside the readings, before and since
	corrected bool // since it was closed
}

var scenes = []scene{
	{name: "closed", revision: 1, rows: 6},
	{name: "closed again", again: true, revision: 2, rows: 8},
	{name: "closed again, compressed now", again: true, revision: 2, rows: 8, compress: true},
	{name: "closed again, plain now", again: true, revision: 2, rows: 8, compressed: true},
	{name: "closed again, with events", again: true, revision: 2, rows: 8, hasEvents: true},
	{name: "closed again, corrected", again: true, revision: 1, rows: 6, corrected: true},
}

// sceneEvents are the rows of events.csv, the last of which came since the month was closed.
var sceneEvents = []string{
	"B,2026-10-02T12:00:01,exchange,1,0.5,,,,,,2026-11-23T10:10:00,,", "C,,limits,,,,,,10,,,,", "A,2026-11-21T00:00:01,exchange,5,0,,,,,,2026-11-23T10:10:00,,",
}

var sceneRows = []string{
	"A 2026-10-01T00:00 1", "A 2026-10-15T12:00 2.5", "A 2026-10-31T23:30 3", "A 2026-11-01T00:00 3.25", "A 2026-11-20T00:00 4",
	"B 2026-10-02T00:00 1", "B 2026-10-03T00:00 1", "B 2026-11-02T00:00 2",
	"C 2026-10-04T00:00 0.000000001",
}

var sceneLateRows = []string{"A 2026-10-20T00:00 2.75", "C 2026-10-05T00:00 7"}

// sceneCorrections are of rows above: by what they are replaced, or - if they are withdrawn.
var sceneCorrections = map[string]string{
	"A 2026-10-15T12:00 2.5": "2.4", "A 2026-10-20T00:00 2.75": "-", "B 2026-10-03T00:00 1": "1.5", "C 2026-10-04T00:00 0.000000001": "-",
}

// set puts a scene on a disk.
func (s scene) set(t *testing.T) *vfs.MemFS {
	t.Helper()
	disk := vfs.NewCrashableMem()
	b := &bench{t: t, fs: disk, zone: loadZone(t, "Asia/Singapore"), now: now, compress: s.compressed}
	b.open()
	b.register("A", "B", "C")
	b.recordRows(sceneRows)
	if s.hasEvents {
		b.exchanges("B", "2026-10-02T12:00:01", "1", "0.5")
		b.limits("C", "10", "0")
	}
	if s.again {
		if run := b.maintain(october); run.Err != nil {
			t.Fatal(run.Err)
		}
		b.recordRows(sceneLateRows)
	}
	if s.corrected {
		for row, after := range sceneCorrections {
			b.mustCorrect(row, after)
		}
	}
	if s.hasEvents {
		b.exchanges("A", "2026-11-21T00:00:01", "5", "0")
	}
	b.close()
	return disk
}

func (b *bench) recordRows(rows []string) {
	b.t.Helper()
	for _, row := range rows {
		fields := strings.Fields(row)
		if code := b.record(meter.ID(fields[0]), fields[1], fields[2]); code != "" {
			b.t.Fatalf("%s: %s", row, code)
		}
	}
}

// wantAll wants every reading exactly once, wherever it is.
func (b *bench) wantAll(s scene) {
	b.t.Helper()
	want := slices.Clone(sceneRows)
	if s.again {
		want = append(want, sceneLateRows...)
	}
	if s.corrected {
		want = slices.DeleteFunc(want, func(row string) bool { return sceneCorrections[row] == "-" })
	}
	for i, row := range want {
		fields := strings.Fields(row)
		if after, corrected := sceneCorrections[row]; s.corrected && corrected {
			fields[2] = after
		}
		want[i] = fields[0] + " " + fields[1] + ":00 " + fields[2]
	}
	slices.Sort(want)
	if got := b.points("A", "B", "C"); !slices.Equal(got, want) {
		b.t.Errorf("readings\n got %q\nwant %q", got, want)
	}
}

// wantClosed closes the month, again where it is closed already, and wants all of
// it in the archive, its bill, and nothing of it in memory.
func (b *bench) wantClosed(s scene) {
	b.t.Helper()
	run := b.maintain(october)
	if run.Err != nil {
		b.t.Errorf("closing the month after it: %v", run.Err)
		return
	}
	b.wantAll(s)
	listed := b.Status().Archives
	if len(listed) != 1 || listed[0].State != closing.ArchiveGood || listed[0].Rows != s.rows || listed[0].Manifest.Meters != 3 {
		b.t.Errorf("archives %+v", listed)
	}
	bill, err := b.Bill("A", october.Month)
	if err != nil || bill.Revision != s.revision || bill.Start.Register.String() != "1" || bill.End.Register.String() != "3.25" {
		b.t.Errorf("bill %+v, %v", bill, err)
	}
	if held := b.InMemory(); held != 3 { // those of November
		b.t.Errorf("%d readings are in memory", held)
	}
	b.wantTidy()
	b.wantEvents(s, 3)
	names, err := b.fs.List("Archive")
	if err != nil || slices.Contains(names, "monthly_2026-10.csv.zst") != s.compress || slices.Contains(names, "monthly_2026-10.csv") == s.compress {
		b.t.Errorf("the folder holds %q, %v", names, err)
	}
}

// wantEvents wants events in the store, and in their file.
func (b *bench) wantEvents(s scene, events int) {
	b.t.Helper()
	if !s.hasEvents {
		return
	}
	text := b.text("Archive/events.csv")
	for _, row := range sceneEvents[:events] {
		if !strings.Contains(text, row+"\n") {
			b.t.Errorf("events.csv does not have %s:\n%s", row, text)
		}
	}
	var known []string
	for e := range b.Store().Events() {
		known = append(known, fmt.Sprint(e.Meter, " ", e.Kind))
	}
	for _, event := range []string{"B exchange", "C limits", "A exchange"}[:events] {
		if !slices.Contains(known, event) {
			b.t.Errorf("%s is gone: %q", event, known)
		}
	}
}

// wantTidy wants whole archives and nothing else in their folder.
func (b *bench) wantTidy() {
	b.t.Helper()
	names, err := b.fs.List("Archive")
	if err != nil {
		b.t.Fatal(err)
	}
	slices.Sort(names)
	for _, name := range names {
		if strings.HasSuffix(name, ".tmp") {
			b.t.Errorf("%s was left behind", name)
		}
	}
	if !slices.Contains(names, "monthly_2026-10.csv") && !slices.Contains(names, "monthly_2026-10.csv.zst") {
		return
	}
	reader, err := archive.OpenFolderToRead(b.fs, "Archive", b.zone).Read("monthly_2026-10.csv")
	for err == nil {
		_, err = reader.Next()
	}
	if !errors.Is(err, io.EOF) {
		b.t.Errorf("the archive is not whole: %v", err)
	}
}

// sweep runs a scene once for each operation that its closing does on the disk, or for a sample of them.
func sweep(t *testing.T, s scene, try func(b *bench, disk *vfs.MemFS, points *failpoints, n int)) {
	t.Helper()
	prepared := s.set(t)
	seen := make(map[string]int)
	n, every := 1, faulttest.Every(7)
	for ; ; n += every {
		disk := prepared.CrashClone(vfs.CrashCloneCfg{})
		points := &failpoints{steps: seen}
		b := &bench{t: t, fs: errorfs.Wrap(disk, points), zone: loadZone(t, "Asia/Singapore"), now: now, compress: s.compress}
		b.open()
		try(b, disk, points, n)
		if t.Failed() {
			t.Fatalf("at operation %d of\n%s", n, strings.Join(points.trace, "\n"))
		}
		if points.count < n {
			break
		}
	}
	t.Logf("%d operations, one of %d: %v", n-1, every, seen)
	for _, step := range closingSteps {
		if seen[step] == 0 {
			t.Errorf("no operation was seen where the month's %s", step)
		}
	}
}

func TestAKillAtAnyStepOfClosingAMonthIsMended(t *testing.T) {
	for _, s := range scenes {
		t.Run(s.name, func(t *testing.T) {
			sweep(t, s, func(b *bench, disk *vfs.MemFS, points *failpoints, n int) {
				var after []*vfs.MemFS
				points.at = cloneAt(disk, n, &after)
				points.arm(true)
				b.maintain(october)
				points.arm(false)
				b.close()
				for _, disk := range after {
					b.goOnWith(s, disk)
				}
			})
		})
	}
}

// cloneAt adds to after what a kill at the nth operation can leave.
func cloneAt(disk *vfs.MemFS, n int, after *[]*vfs.MemFS) func(int, errorfs.Op) error {
	return func(count int, _ errorfs.Op) error {
		if count == n {
			for seed, percent := range []int{0, 50, 50, 100} {
				*after = append(*after, disk.CrashClone(vfs.CrashCloneCfg{
					UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(uint64(seed), uint64(n))),
				}))
			}
		}
		return nil
	}
}

// drawn draws the same for the same seed.
func drawn(seed int) *rand.Rand { return rand.New(rand.NewPCG(uint64(seed), 7)) }

// goOnWith restarts on a disk and wants nothing to be lost.
func (b *bench) goOnWith(s scene, disk vfs.FS) {
	b.t.Helper()
	b.fs = disk
	b.open()
	defer b.close()
	b.wantAll(s)
	b.wantClosed(s)
	b.wantClosed(s) // once more, which changes nothing
}

func TestAFailureAtAnyStepOfClosingAMonthIsToldAndMended(t *testing.T) {
	for _, fault := range []struct {
		name   string
		strike func(count, n int, op errorfs.Op) error
	}{
		{"input/output error", func(count, n int, _ errorfs.Op) error {
			if count == n {
				return fmt.Errorf("at operation %d: %w", n, syscall.EIO)
			}
			return nil
		}},
		{"disk full", func(count, n int, op errorfs.Op) error {
			if count >= n && op.Kind.ReadOrWrite() == errorfs.OpIsWrite && op.Kind != errorfs.OpRemove && op.Kind != errorfs.OpFileClose {
				return fmt.Errorf("from operation %d on: %w", n, syscall.ENOSPC)
			}
			return nil
		}},
	} {
		for _, s := range scenes {
			t.Run(fault.name+", "+s.name, func(t *testing.T) {
				sweep(t, s, func(b *bench, disk *vfs.MemFS, points *failpoints, n int) {
					struck := false
					points.at = func(count int, op errorfs.Op) error {
						err := fault.strike(count, n, op)
						struck = struck || err != nil && op.Kind != errorfs.OpStat // who looks twice for a file may find it
						return err
					}
					points.arm(true)
					run := b.maintain(october)
					points.arm(false)
					if struck && run.Err == nil {
						t.Errorf("the run did not notice")
					}
					if struck && fault.name == "disk full" && code(t, run.Err) != meter.CodeDiskFull {
						t.Errorf("the run says %v", run.Err)
					}
					select {
					case <-b.Failed(): // then the program ends
					default:
						b.wantAll(s)
						b.wantTidy()
					}
					if err := b.Ledger.Close(); err != nil {
						t.Logf("closing: %v", err)
					}
					for _, percent := range []int{0, 100} {
						b.goOnWith(s, disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(1, 2))}))
					}
				})
			})
		}
	}
}
