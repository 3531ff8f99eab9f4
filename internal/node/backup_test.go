package node_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/internal/closing"
	"meterledger/internal/faulttest"
	"meterledger/internal/meter"
	"meterledger/internal/node"
)

// newBackupScene is a ledger with a closed month, an archived day, two snapshots and
// readings in the journal only.
func newBackupScene(t *testing.T, fs vfs.FS) *bench {
	t.Helper()
	b := &bench{t: t, fs: fs, zone: loadZone(t, "Asia/Singapore"), now: now}
	b.open()
	b.register("A", "B")
	for _, row := range sceneRows[:8] {
		b.mustRecord(row)
	}
	if err := b.Snapshot(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.mustMaintain(bothRuns)
	if err := b.Snapshot(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.mustRecord("A 2026-11-20T00:30 5")
	return b
}

var bothRuns = closing.Request{Kind: closing.Both, Day: meter.Day{Year: 2026, Month: time.November, Day: 20}, Month: october.Month}

func (b *bench) mustRecord(row string) {
	b.t.Helper()
	fields := strings.Fields(row)
	if code := b.record(meter.ID(fields[0]), fields[1], fields[2]); code != "" {
		b.t.Fatalf("%s: %s", row, code)
	}
}

func (b *bench) mustMaintain(q closing.Request) {
	b.t.Helper()
	if run := b.maintain(q); run.Err != nil {
		b.t.Fatal(run.Err)
	}
}

// openBackup opens a backup, wants all of its archives to be as they were written, and
// returns it.
func openBackup(t *testing.T, b *bench, fs vfs.FS, folder string) *node.Node {
	t.Helper()
	o := b.options()
	o.FS, o.DataDir, o.ArchiveDir = fs, folder+"/data", folder+"/Archive"
	n, err := node.Open(context.Background(), o)
	if err != nil {
		t.Fatalf("a backup cannot be opened: %v", err)
	}
	for _, archive := range n.Status().Archives {
		if archive.State != closing.ArchiveGood && archive.State != closing.ArchiveBehind {
			t.Errorf("%s is %s in the backup", archive.File, archive.State)
		}
	}
	return n
}

func TestABackupIsTheLedgerOfThatMomentWhateverComesAfter(t *testing.T) {
	b := newBackupScene(t, vfs.NewMem())
	defer b.close()
	before := b.Store().Hash()
	folder, err := b.Backup("one")
	if err != nil || folder != "backup/one" {
		t.Fatalf("%s, %v", folder, err)
	}
	b.mustRecord("A 2026-10-20T00:00 2.75")
	b.mustMaintain(bothRuns)
	for n := range 2 { // which removes the snapshots that the backup has too
		b.mustRecord(fmt.Sprintf("A 2026-11-21T%02d:00 6", n))
		if err := b.Snapshot(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	after := b.Store().Hash()
	if _, err := b.Backup("one"); code(t, err) != meter.CodeInvalidParameter {
		t.Errorf("a backup of the same name: %v", err)
	}
	if _, err := b.Backup("two"); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][32]byte{"one": before, "two": after} {
		n := openBackup(t, b, b.fs, "backup/"+name)
		if n.Store().Hash() != want {
			t.Errorf("backup %s holds another state", name)
		}
		if _, err := n.Record(t.Context(), b.reading("B", "2026-11-22T00:00", "9")); err != nil {
			t.Error(err)
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
	if b.Store().Hash() != after {
		t.Error("using a backup has changed the ledger")
	}
	b.restart()
	if b.Store().Hash() != after {
		t.Error("after a restart the ledger is another one")
	}
}

func TestNoBackupBesideARunNorARunBesideABackup(t *testing.T) {
	var hook atomic.Pointer[func()]
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if meet := hook.Load(); meet != nil && op.Kind == errorfs.OpRename && hook.CompareAndSwap(meet, nil) {
			(*meet)()
		}
		return nil
	}))
	b := newBackupScene(t, fs)
	defer b.close()
	run := func() error { _, err := b.Start(october); return err }
	backup := func() error { _, err := b.Backup("beside"); return err }
	for name, c := range map[string]struct{ first, second func() error }{
		"a run": {backup, run}, "a backup": {func() error { b.mustMaintain(october); return nil }, backup},
	} {
		asked := false
		meet := func() {
			asked = true
			if err := c.second(); code(t, err) != meter.CodeMaintenanceRunning {
				t.Errorf("%s was begun: %v", name, err)
			}
		}
		hook.Store(&meet)
		if err := c.first(); err != nil || !asked {
			t.Errorf("%s was asked for: %v, %v", name, asked, err)
		}
	}
}

// TestNoSnapshotIsTakenInABackup: it would remove an older one, and cut the journal behind it.
func TestNoSnapshotIsTakenInABackup(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	var b *bench
	asked := 0
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if isData := strings.HasPrefix(op.Path, "backup/one.tmp/data"); isData && (op.Kind == errorfs.OpLink || op.Kind == errorfs.OpCreate) {
			asked++
			if resume, err := b.PauseSnapshots(ended); err == nil {
				resume()
				t.Errorf("a snapshot may begin before %s is there", op.Path)
			}
		}
		return nil
	}))
	b = newBackupScene(t, fs)
	defer b.close()
	if _, err := b.Backup("one"); err != nil {
		t.Fatal(err)
	}
	if asked < 5 {
		t.Errorf("asked %d times", asked)
	}
}

// TestAFailingDiskOfTheBackupsHarmsNothing fails every operation below the folder of backups,
// one at a time: there is no such backup then, and the ledger goes on.
func TestAFailingDiskOfTheBackupsHarmsNothing(t *testing.T) {
	var at, count atomic.Int64
	disk := vfs.NewMem()
	b := newBackupScene(t, faulttest.Watch(disk, func(op errorfs.Op) error {
		if strings.HasPrefix(op.Path, "backup") && count.Add(1) == at.Load() {
			return syscall.ENOSPC
		}
		return nil
	}))
	defer b.close()
	failed := 0
	for n := int64(1); ; n++ {
		at.Store(n)
		count.Store(0)
		name := fmt.Sprint("b", n)
		_, err := b.Backup(name)
		if err == nil && count.Load() < n {
			break
		}
		if _, missing := disk.Stat("backup/" + name); err != nil && !errors.Is(missing, os.ErrNotExist) && code(t, err) != "" {
			// Only the fsync of the folder above comes after the name.
			openBackup(t, b, disk, "backup/"+name).Close()
		}
		if err != nil {
			failed++
		}
		if b.Failure() != nil {
			t.Fatalf("operation %d: the ledger has failed: %v", n, b.Failure())
		}
		b.mustRecord(fmt.Sprintf("B 2026-11-%02dT%02d:00 %d", 3+n/24, n%24, 2+n))
	}
	if failed < 20 {
		t.Errorf("%d operations failed", failed)
	}
}

// TestABackupThatACrashCutsOffIsWholeOrNotThere cuts the power before each change that a
// backup makes.
func TestABackupThatACrashCutsOffIsWholeOrNotThere(t *testing.T) {
	disk := vfs.NewCrashableMem()
	var crashed []*vfs.MemFS
	var watching atomic.Bool
	b := newBackupScene(t, faulttest.Watch(disk, func(op errorfs.Op) error {
		if watching.Load() && strings.HasPrefix(op.Path, "backup") && faulttest.Changes(op) {
			crashed = append(crashed, faulttest.PowerCut(disk), faulttest.Killed(disk))
		}
		return nil
	}))
	defer b.close()
	want := b.Store().Hash()
	watching.Store(true)
	if _, err := b.Backup("one"); err != nil {
		t.Fatal(err)
	}
	watching.Store(false)
	crashed = append(crashed, faulttest.PowerCut(disk))
	whole := 0
	for i, left := range crashed {
		if _, err := left.Stat("backup/one"); err == nil {
			whole++
			n := openBackup(t, b, left, "backup/one")
			if n.Store().Hash() != want {
				t.Errorf("crash %d: the backup holds another state", i)
			}
			if err := n.Close(); err != nil {
				t.Error(err)
			}
		}
		again := *b
		again.fs = left
		again.open()
		if again.Store().Hash() != want {
			t.Errorf("crash %d: the ledger holds another state", i)
		}
		if _, err := again.Backup("two"); err != nil {
			t.Errorf("crash %d: no other backup: %v", i, err)
		}
		again.close()
	}
	if whole == 0 || whole == len(crashed) || len(crashed) < 20 {
		t.Errorf("%d of %d crashes left the backup", whole, len(crashed))
	}
}
