package node_test

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/klauspost/compress/zstd"

	"meterledger/internal/closing"
	"meterledger/internal/meter"
)

// newDiskBench is a ledger on the machine's own disk, which has links and pipes.
func newDiskBench(t *testing.T) *bench {
	t.Helper()
	t.Chdir(t.TempDir())
	b := &bench{t: t, fs: vfs.Default, zone: loadZone(t, "Asia/Singapore"), now: now}
	b.open()
	return b
}

// packed is a text as the zstd tool packs it: one frame, without an index.
func packed(t *testing.T, lines ...string) string {
	t.Helper()
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoder.EncodeAll([]byte(strings.Join(lines, "\n")), nil))
}

// wideFrame is a zstd frame with a window of 2 GiB.
func wideFrame(text string) string {
	b := binary.LittleEndian.AppendUint32(nil, 0xFD2FB528)
	b = append(b, 0, 21<<3)
	size := uint32(len(text)<<3 | 1) // of one raw block, the last
	return string(append(append(b, byte(size), byte(size>>8), byte(size>>16)), text...))
}

// badEntries puts something into the place of a file that nobody can read it as, by the way it
// is bad.
var badEntries = map[string]func(t *testing.T, path string){
	"a folder":         func(t *testing.T, path string) { must(t, os.Mkdir(path, 0o755)) },
	"a pipe":           func(t *testing.T, path string) { must(t, syscall.Mkfifo(path, 0o644)) },
	"a link":           func(t *testing.T, path string) { must(t, os.Symlink("/etc/passwd", path)) },
	"a link to itself": func(t *testing.T, path string) { must(t, os.Symlink(path, path)) },
	"a wide window":    func(t *testing.T, path string) { must(t, os.WriteFile(path+".zst", []byte(wideFrame(header)), 0o644)) },
	"garbage, packed":  func(t *testing.T, path string) { must(t, os.WriteFile(path+".zst", []byte("garbage"), 0o644)) },
	"garbage":          func(t *testing.T, path string) { must(t, os.WriteFile(path, []byte("\x00\xff\n\n"), 0o644)) },
	"one long line":    func(t *testing.T, path string) { must(t, os.WriteFile(path, make([]byte, 1<<20), 0o644)) },
	"nothing":          func(t *testing.T, path string) { must(t, os.WriteFile(path, nil, 0o644)) },
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestABadEntryOfTheFolderIsNamedAndTheRestComesBack(t *testing.T) {
	for how, spoil := range badEntries {
		t.Run(how, func(t *testing.T) {
			for _, name := range []string{"monthly_2026-08.csv", "daily_2026-11-02.csv", "monthly_copy.csv", "account.csv"} {
				b := newDiskBench(t)
				b.register("A")
				spoil(t, "Archive/"+name)
				b.put("monthly_2026-09.csv", header, "A,2026-09-30T00:00:00,0.5", "")
				b.put("daily_2026-11-03.csv", header, "A,2026-11-03T00:00:00,7", "")
				restored := b.restores()
				if name == "account.csv" && (how == "a wide window" || how == "garbage, packed") {
					name = "" // a packed one is none
				}
				if restored.Readings != 2 || (restored.Refused > 0) != (name != "") {
					t.Errorf("%s: restored %+v", name, restored)
				}
				for _, row := range restored.List {
					if row.File != name || strings.Contains(row.Err.Error(), "root") {
						t.Errorf("%s: refused %+v", name, row)
					}
				}
				b.close()
			}
		})
	}
}

func TestABadEntryInAnArchivesPlaceIsAConflictWithWhatToDo(t *testing.T) {
	for how, spoil := range badEntries {
		t.Run(how, func(t *testing.T) {
			b := newDiskBench(t)
			defer func() { b.close() }()
			b.register("A")
			b.recordRows([]string{"A 2026-10-03T00:00 1", "A 2026-10-04T00:00 2"})
			b.closes(october.Month)
			must(t, os.Remove("Archive/monthly_2026-10.csv"))
			spoil(t, "Archive/monthly_2026-10.csv")
			b.wantOctober(meter.CodeArchiveConflict)
		})
	}
}

// wantOctober wants all that needs October's archive to be answered with a code, and with what
// to do.
func (b *bench) wantOctober(want meter.Code) {
	b.t.Helper()
	window := b.zone.MonthWindow(october.Month)
	asked := make(map[string]error)
	months, err := b.Readings("A", window)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, err := range months {
		asked["a question"] = err
	}
	asked["an export"] = b.Export(context.Background(), window.Rows(), func(meter.ID, []meter.Point) error { return nil })
	_, asked["a late reading"] = b.Record(context.Background(), b.reading("A", "2026-10-03T12:00", "1.5"))
	asked["a run"] = b.maintain(october).Err
	asked["a run of a day"] = b.maintain(closing.Request{Kind: closing.Daily, Day: october.Month.Period().FirstDay()}).Err
	for what, err := range asked {
		var known *meter.Error
		if !errors.As(err, &known) || known.Code != want || (want == meter.CodeArchiveUnavailable) != (known.RetryAfter > 0) {
			b.t.Errorf("%s: %v", what, err)
		} else if !strings.Contains(known.Detail, "put the original back") && !strings.Contains(known.Detail, "put it back") && !strings.Contains(known.Detail, "put them back") &&
			!strings.Contains(known.Detail, "put one of them right") && !strings.Contains(known.Detail, "mend that") && !strings.Contains(known.Detail, "cannot be read") {
			b.t.Errorf("%s does not say what to do: %v", what, err)
		}
	}
}

func TestAFolderThatMayComeBackIsUnavailable(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EACCES, syscall.EIO, syscall.ESTALE} {
		away := &failpoints{steps: make(map[string]int), at: func(_ int, op errorfs.Op) error {
			if op.Kind == errorfs.OpOpen && strings.HasPrefix(op.Path, "Archive/monthly_2026-10") {
				return errno
			}
			return nil
		}}
		b := &bench{t: t, fs: errorfs.Wrap(vfs.NewMem(), away), zone: loadZone(t, "Asia/Singapore"), now: now}
		b.open()
		b.register("A")
		b.recordRows([]string{"A 2026-10-03T00:00 1", "A 2026-10-04T00:00 2"})
		b.closes(october.Month)
		away.arm(true)
		b.wantOctober(meter.CodeArchiveUnavailable)
		if restored := b.restores(); restored.Refused != 1 || restored.List[0].File != "monthly_2026-10.csv" || code(t, restored.List[0].Err) != meter.CodeArchiveUnavailable {
			t.Errorf("%v: restored %+v", errno, restored)
		}
		b.close()
	}
}

func TestAMonthThatWasPackedByHandIsTakenRowByRow(t *testing.T) {
	b := newCrashableBench(t)
	defer func() { b.close() }()
	b.register("A", "B")
	b.recordRows([]string{"A 2026-10-01T00:00 1", "A 2026-10-02T00:00 2", "B 2026-10-02T00:00 3"})
	b.closes(october.Month)
	want := b.points("A", "B")
	text := b.text("Archive/monthly_2026-10.csv")
	b.put("monthly_2026-10.csv.zst", packed(t, text))
	must(t, b.fs.Remove("Archive/monthly_2026-10.csv"))
	b.wantOctober(meter.CodeArchiveConflict) // by hand under a living ledger

	must(t, b.fs.Remove("Archive/monthly_2026-10.json"))
	b.loses()
	if restored := b.restores(); restored.Readings != 3 || restored.Refused != 0 || restored.Accounts != 2 {
		t.Errorf("restored %+v", restored)
	}
	if got := b.points("A", "B"); !slices.Equal(got, want) {
		t.Errorf("readings %q, want %q", got, want)
	}
	if bill, err := b.Bill("A", october.Month); err != nil || bill.Readings != 2 {
		t.Errorf("bill %+v, %v", bill, err)
	}
}

func TestAPipeInTheFolderHoldsNothingUp(t *testing.T) {
	b := newDiskBench(t)
	b.register("A")
	must(t, syscall.Mkfifo("Archive/daily_2026-11-02.json", 0o644))
	b.put("daily_2026-11-02.csv", header, "A,2026-11-02T00:00:00,7", "")
	must(t, syscall.Mkfifo("Archive/accounts.csv", 0o644))
	day := closing.Request{Kind: closing.Daily, Day: meter.Day{Year: 2026, Month: time.November, Day: 2}}
	if restored := b.restores(); restored.Readings != 1 || !slices.Equal(restored.Unverified, []string{"daily_2026-11-02.csv"}) || restored.List[0].File != "accounts.csv" {
		t.Errorf("restored %+v", restored)
	}
	if run := b.maintain(day); code(t, run.Err) != meter.CodeArchiveConflict || !strings.Contains(run.Err.Error(), "accounts.csv") {
		t.Errorf("the run says %v", run.Err)
	}
	b.Status()
	b.close()
}
