package node_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/internal/faulttest"
	"meterledger/internal/ledger"
	"meterledger/internal/node"
)

// verify checks the folders of a bench that is closed.
func (b *bench) verify() (lines []string, err error) {
	var out strings.Builder
	err = node.Verify(context.Background(), b.options(), &out)
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n"), err
}

// contents are the bytes of all files of a disk, by path.
func contents(t *testing.T, disk *vfs.MemFS) map[string]string {
	t.Helper()
	paths, err := faulttest.Files(disk, "")
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for _, path := range paths {
		b, err := faulttest.Content(disk, path)
		if err != nil {
			t.Fatal(err)
		}
		all[path] = string(b)
	}
	return all
}

func TestVerifyTellsWhatIsThereAndChangesNothing(t *testing.T) {
	live := vfs.NewCrashableMem()
	b := newBackupScene(t, live)
	b.mustRecord("A 2026-10-20T00:00 2.75")
	killed := faulttest.Killed(live)
	b.close()
	for name, disk := range map[string]*vfs.MemFS{"closed": live, "killed": killed} {
		for _, left := range []string{"data/snapshots/00000000000000000099.snapshot.tmp", "Archive/monthly_2026-10.csv.tmp", "Archive/daily_2026-09-01.csv"} {
			if err := faulttest.Put(disk, left, []byte("half")); err != nil {
				t.Fatal(err)
			}
		}
		again := *b
		again.fs = disk
		before := contents(t, disk)
		lines, err := again.verify()
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, strings.Join(lines, "\n"))
		}
		if !maps.Equal(before, contents(t, disk)) {
			t.Errorf("%s: something was changed", name)
		}
		wantLines(t, lines,
			"good     data folder data: format *, Asia/Singapore", "good     journal: batches *, each proved by *",
			"good     snapshot of batch *: * bytes, and * batches after it", "good     snapshot of batch *",
			"state    2 meters, 8 readings in memory, 1 closed months with 2 bills, 1 archived days, level 4, reception on",
			"good     archive daily_2026-11-20.csv: 1 rows", "good     archive monthly_2026-10.csv: 5 rows",
			"unknown  archive daily_2026-09-01.csv: the data folder knows nothing of it", "good     accounts.csv: 2 accounts",
		)
	}
}

// wantLines wants lines in this order; * stands for anything, and other lines may lie between.
func wantLines(t *testing.T, lines []string, want ...string) {
	t.Helper()
	rest := lines
	for _, w := range want {
		for len(rest) > 0 && !matches(rest[0], w) {
			rest = rest[1:]
		}
		if len(rest) == 0 {
			t.Errorf("no line is %q in its place of\n%s", w, strings.Join(lines, "\n"))
			return
		}
		rest = rest[1:]
	}
}

func matches(line, pattern string) bool {
	for n, part := range strings.Split(pattern, "*") {
		_, after, found := strings.Cut(line, part)
		if !found || n == 0 && !strings.HasPrefix(line, part) {
			return false
		}
		line = after
	}
	return line == "" || strings.HasSuffix(pattern, "*") || !strings.Contains(pattern, "*")
}

func TestVerifyNamesEveryDamage(t *testing.T) {
	b := newBackupScene(t, vfs.NewCrashableMem())
	b.close()
	garble := func(suffix string, at int) func(*vfs.MemFS) error {
		return func(disk *vfs.MemFS) error { return faulttest.Garble(disk, newest(t, disk, suffix), at, 1) }
	}
	put := func(path, content string) func(*vfs.MemFS) error {
		return func(disk *vfs.MemFS) error { return faulttest.Put(disk, path, []byte(content)) }
	}
	for name, c := range map[string]struct {
		damage func(*vfs.MemFS) error
		want   string
	}{
		"a bit of a snapshot":       {garble(".snapshot", 70), "DAMAGED  snapshot of batch *: *is damaged at byte 64: checksum does not fit"},
		"no journal":                {func(disk *vfs.MemFS) error { return disk.RemoveAll("data/journal") }, "DAMAGED  journal: *"},
		"no FORMAT":                 {func(disk *vfs.MemFS) error { return disk.Remove("data/FORMAT") }, "DAMAGED  data folder data: it has no file FORMAT"},
		"no data folder":            {func(disk *vfs.MemFS) error { return disk.RemoveAll("data") }, "DAMAGED  data folder data: it has no file FORMAT"},
		"a later format":            {put("data/FORMAT", `{"version":99,"timezone":"Asia/Singapore"}`), "DAMAGED  data folder data: *99*"},
		"a missing archive":         {func(disk *vfs.MemFS) error { return disk.Remove("Archive/monthly_2026-10.csv") }, "DAMAGED  archive monthly_2026-10.csv: 0 rows: *missing*"},
		"a changed archive":         {garble("monthly_2026-10.csv", 100), "DAMAGED  archive monthly_2026-10.csv: *"},
		"another digit":             {garble("daily_2026-11-20.csv", 49), "DAMAGED  archive daily_2026-11-20.csv: 1 rows: archive daily_2026-11-20.csv was changed since it was written*"},
		"a manifest of another":     {put("Archive/monthly_2026-10.json", `{"period":"2026-10","file":"monthly_2026-10.csv"}`), "DAMAGED  archive monthly_2026-10.csv: 5 rows: its manifest describes another file"},
		"no manifest, which is one": {func(disk *vfs.MemFS) error { return disk.Remove("Archive/monthly_2026-10.json") }, "note     archive monthly_2026-10.csv: it has no manifest*"},
		"changed accounts":          {garble("accounts.csv", 40), "note     accounts.csv: it is not the file that its manifest describes*"},
		"no archive folder":         {func(disk *vfs.MemFS) error { return disk.RemoveAll("Archive") }, "DAMAGED  archive monthly_2026-10.csv: *"},
	} {
		disk := faulttest.PowerCut(b.fs.(*vfs.MemFS))
		if err := c.damage(disk); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		before := contents(t, disk)
		again := *b
		again.fs = disk
		lines, err := again.verify()
		if (err != nil) != strings.HasPrefix(c.want, "DAMAGED") {
			t.Errorf("%s: error %v", name, err)
		}
		if err != nil && !strings.HasSuffix(err.Error(), "parts are damaged or missing") {
			t.Errorf("%s: error %v", name, err)
		}
		t.Run(name, func(t *testing.T) { wantLines(t, lines, c.want) })
		if !maps.Equal(before, contents(t, disk)) {
			t.Errorf("%s: something was changed", name)
		}
	}
}

// TestVerifyNamesADamagedBatch changes a byte of each batch in the newest log but the last,
// which a power cut might have torn.
func TestVerifyNamesADamagedBatch(t *testing.T) {
	live := vfs.NewCrashableMem()
	b := newBackupScene(t, live)
	for n := range 5 {
		b.mustRecord(fmt.Sprintf("A 2026-11-22T%02d:00 6", n))
	}
	disk := faulttest.Killed(live)
	b.close()
	b.fs = disk
	log := newest(t, disk, ".log")
	content := contents(t, disk)[log]
	last := strings.LastIndex(content, batchMagic)
	damaged := 0
	for at := strings.Index(content, batchMagic); at < last; at += 1 + strings.Index(content[at+1:], batchMagic) {
		for _, isWhole := range []bool{false, true} {
			if err := faulttest.Garble(disk, log, at+60, 1); err != nil {
				t.Fatal(err)
			}
			if lines, err := b.verify(); (err == nil) != isWhole {
				t.Errorf("byte %d of %s: error %v\n%s", at+60, log, err, strings.Join(lines, "\n"))
			}
		}
		damaged++
	}
	if damaged < 5 {
		t.Errorf("only %d batches were damaged", damaged)
	}
}

const batchMagic = "MLJ1"

// newest returns the path of the last file with an ending that is not empty.
func newest(t *testing.T, disk *vfs.MemFS, suffix string) (path string) {
	t.Helper()
	for p, content := range contents(t, disk) {
		if strings.HasSuffix(p, suffix) && len(content) > 0 {
			path = max(path, p)
		}
	}
	return path
}

func TestVerifyIsRefusedBesideAnAPIThatUsesTheFolders(t *testing.T) {
	b := newBackupScene(t, vfs.NewMem())
	defer b.close()
	_, err := b.verify()
	want := "data is in use by a test: stop that program, or let it make a backup (POST /backup) and verify that"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	b.mustRecord("A 2026-11-22T00:00 6")
	if _, err := b.Backup("one"); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	o := b.options()
	o.DataDir, o.ArchiveDir = "backup/one/data", "backup/one/Archive"
	if err := node.Verify(t.Context(), o, &out); err != nil || !strings.Contains(out.String(), "5 readings in memory") {
		t.Errorf("a backup: %v\n%s", err, &out)
	}
	o.Zone = loadZone(t, "Europe/London")
	if err := node.Verify(t.Context(), o, &out); !errors.Is(err, ledger.ErrTimezone) {
		t.Errorf("with another zone: %v", err)
	}
}

// TestVerifyTellsOfARunThatWasCutOff kills a second closing after each operation on the disk.
func TestVerifyTellsOfARunThatWasCutOff(t *testing.T) {
	live := vfs.NewCrashableMem()
	b := newBackupScene(t, live)
	b.mustRecord("A 2026-10-20T00:00 2.75")
	var disks []*vfs.MemFS
	b.close()
	b.fs = faulttest.Watch(live, func(op errorfs.Op) error {
		if strings.HasPrefix(op.Path, "Archive/") && faulttest.Changes(op) {
			disks = append(disks, faulttest.Killed(live))
		}
		return nil
	})
	b.open()
	disks = nil
	b.mustMaintain(october)
	b.close()
	inPlace := 0
	for n, disk := range disks {
		again := *b
		again.fs = disk
		lines, err := again.verify()
		if err != nil {
			t.Errorf("kill %d of %d: %v\n%s", n, len(disks), err, strings.Join(lines, "\n"))
		}
		if strings.Contains(fmt.Sprint(lines), "a run that was cut off has put it in place") {
			inPlace++
		}
	}
	if inPlace == 0 || inPlace == len(disks) {
		t.Errorf("%d of %d kills left the new file in place", inPlace, len(disks))
	}
}
