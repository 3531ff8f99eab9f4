package node_test

import (
	"context"
	"errors"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/internal/closing"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// limitedDisk says how much space it has.
type limitedDisk struct {
	vfs.FS
	free atomic.Uint64
}

func (d *limitedDisk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: d.free.Load()}, nil
}

func TestOnANearlyFullDiskQueriesGoOnAndReceptionComesBackByItself(t *testing.T) {
	disk := &limitedDisk{FS: vfs.NewMem()}
	disk.free.Store(2000)
	b := &bench{t: t, fs: disk, zone: loadZone(t, "Asia/Singapore"), now: now, diskFreeMin: 1000}
	b.open()
	defer b.close()
	b.register("A")
	b.live("A", "2026-11-20T00:00", 0, 5)
	if err := b.Ready(); err != nil {
		t.Errorf("not ready: %v", err)
	}

	disk.free.Store(999) // and nobody has sent anything yet
	if err := b.Ready(); meter.ReasonOf(err) != meter.ReasonDiskFull {
		t.Errorf("on a full disk it is ready: %v", err)
	}

	disk.free.Store(1010) // less than a reading above the minimum
	if code := b.record("A", "2026-11-21T00:00", "100"); code != meter.CodeDiskFull {
		t.Errorf("a reading was answered %q", code)
	}
	disk.free.Store(999)
	refused := func(what string, err error) {
		t.Helper()
		var known *meter.Error
		if !errors.As(err, &known) || known.Code != meter.CodeDiskFull || known.RetryAfter == 0 {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("registration", b.Register(context.Background(), "B", "Tan", "Road"))
	results, err := b.RecordMany(context.Background(), []meter.Reading{b.reading("A", "2026-11-21T00:00", "100")})
	if refused("many readings", err); len(results) > 0 {
		t.Errorf("results %v", results)
	}
	refused("ready", b.Ready())
	b.wantReadings("A", "2026-11-20T00:00", 5)
	if err := b.Snapshot(context.Background()); err == nil {
		t.Error("a snapshot was taken")
	}
	refused("archiving", b.maintain(closing.Request{Kind: closing.Daily, Day: b.zone.Today(now).AddDays(-3)}).Err)

	disk.free.Store(2000)
	if code := b.record("A", "2026-11-21T00:00", "100"); code != "" {
		t.Errorf("with space again a reading was answered %q", code)
	}
}

// fullDisk is a disk that can be full: then it takes nothing more.
type fullDisk struct {
	limitedDisk
	mem  *vfs.MemFS
	full atomic.Bool
}

func newFullDisk() *fullDisk {
	d := &fullDisk{}
	d.use(vfs.NewCrashableMem())
	d.free.Store(1 << 40)
	return d
}

func (d *fullDisk) use(mem *vfs.MemFS) {
	d.mem = mem
	d.FS = errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if d.full.Load() && (op.Kind == errorfs.OpFileWrite || op.Kind == errorfs.OpCreate) {
			return syscall.ENOSPC
		}
		return nil
	}))
}

// fill fills the disk, kills the bench and starts it again.
func (d *fullDisk) fill(b *bench) {
	d.full.Store(true)
	d.free.Store(0)
	d.use(d.mem.CrashClone(vfs.CrashCloneCfg{}))
	b.open()
}

func (d *fullDisk) empty() {
	d.full.Store(false)
	d.free.Store(1 << 40)
}

func TestOnAFullDiskItStartsAnswersAndTakesNothingIn(t *testing.T) {
	disk := newFullDisk()
	b := &bench{t: t, fs: disk, zone: loadZone(t, "Asia/Singapore"), now: now, diskFreeMin: 1000}
	b.open()
	b.register("A")
	b.live("A", "2026-10-20T00:00", 0, 5)
	if run := b.maintain(october); run.Err != nil {
		t.Fatal(run.Err)
	}
	b.live("A", "2026-11-20T00:00", 10, 5)
	for range 2 {
		disk.fill(b)
		b.wantReadings("A", "2026-10-20T00:00", 5)
		b.wantReadings("A", "2026-11-20T05:00", 5)
		if reason := meter.ReasonOf(b.Ready()); reason != meter.ReasonDiskFull {
			t.Errorf("the reason is %q", reason)
		}
		if code := b.record("A", "2026-11-21T00:00", "100"); code != meter.CodeDiskFull {
			t.Errorf("a reading: %q", code)
		}
		_, backup := b.Backup("one")
		for what, err := range map[string]error{
			"a backup": backup, "the switch": b.Shutdown(t.Context()), "a registration": b.Register(t.Context(), "B", "Tan", "Road"),
			"a run": b.maintain(october).Err, "a snapshot": b.Snapshot(t.Context()),
		} {
			if what != "a snapshot" && meter.CodeOf(err) != meter.CodeDiskFull || err == nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		if err := b.Failure(); err != nil {
			t.Fatal(err)
		}
	}
	disk.empty()
	if code := b.record("A", "2026-11-21T00:00", "100"); code != "" {
		t.Errorf("with space again: %q", code)
	}
	if run := b.maintain(october); run.Err != nil {
		t.Error(run.Err)
	}
	if err := b.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	b.restart()
	b.wantReadings("A", "2026-11-20T05:00", 5)
	if points := b.readings(t, "A", b.zone.MonthWindow(meter.Month{Year: 2026, Month: 11})); len(points) != 6 || b.Receiving() {
		t.Errorf("after a restart there are %d readings of November, receiving %v", len(points), b.Receiving())
	}
	b.close()
}

// TestARunThatTheDiskCutOffIsLiftedWhenThereIsRoom starts on a full disk with the hold of a run.
func TestARunThatTheDiskCutOffIsLiftedWhenThereIsRoom(t *testing.T) {
	disk := newFullDisk()
	b := &bench{t: t, fs: disk, zone: loadZone(t, "Asia/Singapore"), now: now, diskFreeMin: 1000}
	b.open()
	b.register("A")
	hold := store.Hold{ID: store.HoldID{Term: store.Alone.Number, Incarnation: 1, Number: 1}, Window: b.zone.MonthWindow(october.Month)}
	if _, err := b.Ask(t.Context(), store.AppendHold(nil, hold), 1); err != nil {
		t.Fatal(err)
	}
	disk.fill(b)
	if _, stands := b.Store().Hold(); !stands {
		t.Error("the hold was lifted on a full disk")
	}
	disk.empty()
	if code := b.record("A", "2026-11-21T00:00", "100"); code != "" {
		t.Errorf("with space again: %q", code)
	}
	if code := b.record("A", "2026-10-21T00:00", "10"); code != "" {
		t.Errorf("a reading that was held back: %q", code)
	}
	b.close()
}

func TestAProgramStopsOnAFullDiskAsOnAnyOther(t *testing.T) {
	disk := newFullDisk()
	b := &bench{t: t, fs: disk, zone: loadZone(t, "Asia/Singapore"), now: now, diskFreeMin: 1000}
	b.open()
	b.register("A")
	b.live("A", "2026-11-20T00:00", 0, 5)
	disk.full.Store(true)
	disk.free.Store(0)
	if err := b.Close(); err != nil {
		t.Errorf("stopping: %v", err)
	}
	disk.empty()
	disk.use(disk.mem.CrashClone(vfs.CrashCloneCfg{})) // the process has ended
	b.open()
	b.wantReadings("A", "2026-11-20T00:00", 5)
	b.close()
}
