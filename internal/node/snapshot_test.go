package node_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/internal/ledger"
	"meterledger/internal/meter"
	"meterledger/internal/node"
	"meterledger/internal/vee"
)

func (b *bench) snapshot() {
	b.t.Helper()
	if err := b.Snapshot(context.Background()); err != nil {
		b.t.Fatal(err)
	}
}

// snapshots returns the names of the snapshots, oldest first.
func (b *bench) snapshots() []string {
	b.t.Helper()
	names, err := b.fs.List("data/snapshots")
	if err != nil {
		b.t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// kill opens the ledger on what a power cut would have left.
func (b *bench) kill() {
	b.t.Helper()
	survived := b.fs.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{})
	b.close()
	b.fs = survived
	b.open()
}

func newCrashableBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{t: t, fs: vfs.NewCrashableMem(), zone: loadZone(t, "Asia/Singapore"), now: now}
	b.open()
	return b
}

// live records n readings of a meter from a day on, a kWh each half hour.
func (b *bench) live(id meter.ID, day string, from, n int) {
	b.t.Helper()
	first := b.reading(id, day, "0").Slot
	for i := from; i < from+n; i++ {
		r := meter.Reading{Meter: id, Slot: first + meter.Slot(i), Register: kwh(b.t, fmt.Sprint(i))}
		if _, err := b.Record(context.Background(), r); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *bench) wantReadings(id meter.ID, day string, n int) {
	b.t.Helper()
	first := b.reading(id, day, "0").Slot
	used, err := b.Consumption(id, meter.Window{From: first, To: first + meter.Slot(n)}, vee.None)
	if err != nil || used.Readings != n {
		b.t.Errorf("%d readings of %s, %v, want %d", used.Readings, id, err, n)
	}
}

func TestStateComesBackFromSnapshotAndJournalTail(t *testing.T) {
	b := newCrashableBench(t)
	defer func() { b.close() }()
	b.register("A", "B")
	b.live("A", "2026-11-20T00:00", 0, 20)
	b.snapshot()
	b.live("A", "2026-11-20T00:00", 20, 10)
	want := b.Hash()
	b.kill()
	if b.Hash() != want {
		t.Error("the state is another one")
	}
	b.live("A", "2026-11-20T00:00", 30, 1)
	b.wantReadings("A", "2026-11-20T00:00", 31)
}

func TestNewestTwoSnapshotsAreKeptAndJournalIsCutBehindTheOlder(t *testing.T) {
	b := newCrashableBench(t)
	defer func() { b.close() }()
	b.register("A")
	for i := range 5 {
		b.live("A", "2026-11-20T00:00", i, 1)
		b.snapshot()
		b.snapshot() // nothing is new
	}
	names := b.snapshots()
	if len(names) != 2 || !strings.Contains(names[0], "6") || !strings.Contains(names[1], "7") {
		t.Fatalf("snapshots %v, want those of batches 6 and 7", names)
	}
	want := b.Hash()
	b.kill() // the newest is used
	if b.Hash() != want {
		t.Error("the state is another one")
	}
}

func TestDamagedSnapshotFallsBackToTheOneBefore(t *testing.T) {
	b := newCrashableBench(t)
	defer func() { b.close() }()
	b.register("A")
	b.live("A", "2026-11-20T00:00", 0, 3)
	b.snapshot()
	b.live("A", "2026-11-20T00:00", 3, 3)
	b.snapshot()
	b.live("A", "2026-11-20T00:00", 6, 3)
	want := b.Hash()
	survived := b.fs.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{})
	b.close()
	b.fs = survived
	names := b.snapshots()
	b.damage("data/snapshots/" + names[1])
	b.open()
	if b.Hash() != want {
		t.Error("the state is another one")
	}
	b.restart() // what was damaged makes room for a good one
	if left := b.snapshots(); len(left) != 2 || slices.Contains(left, names[1]) {
		t.Errorf("snapshots %v", left)
	}
}

// damage flips a bit in the middle of a file.
func (b *bench) damage(path string) {
	b.t.Helper()
	f, err := b.fs.OpenReadWrite(path, "test")
	if err != nil {
		b.t.Fatal(err)
	}
	stat, err := f.Stat()
	if err != nil {
		b.t.Fatal(err)
	}
	one := make([]byte, 1)
	if _, err := f.ReadAt(one, stat.Size()/2); err != nil {
		b.t.Fatal(err)
	}
	one[0] ^= 1
	if _, err := f.WriteAt(one, stat.Size()/2); err != nil {
		b.t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		b.t.Fatal(err)
	}
}

func TestWithoutAGoodSnapshotACutJournalIsRefused(t *testing.T) {
	b := newCrashableBench(t)
	b.register("A")
	for i := range 3 {
		b.live("A", "2026-11-20T00:00", i, 1)
		b.snapshot()
	}
	b.close()
	for _, name := range b.snapshots() {
		b.damage("data/snapshots/" + name)
	}
	b.mustNotOpen(func(*node.Options) {}, "no snapshot can be read (of 2)", "put back a copy of the data folder")
	if err := b.fs.RemoveAll("data/snapshots"); err != nil {
		t.Fatal(err)
	}
	b.mustNotOpen(func(*node.Options) {}, "no snapshot can be read (of 0)")
}

func TestJournalThatEndsBeforeItsSnapshotIsRefused(t *testing.T) {
	b := newCrashableBench(t)
	b.register("A")
	b.live("A", "2026-11-20T00:00", 0, 3)
	before := b.fs.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{})
	b.live("A", "2026-11-20T00:00", 3, 3)
	b.snapshot()
	names := b.snapshots()
	whole := b.fs
	b.close()
	b.fs = before // a copy of the journal from before the snapshot
	if _, err := vfs.Clone(whole, before, "data/snapshots", "data/snapshots"); err != nil {
		t.Fatal(err)
	}
	b.mustNotOpen(func(*node.Options) {}, "it ends with batch 5, but batch 8 was on disk before")
	if len(names) != 1 {
		t.Errorf("snapshots %v", names)
	}
}

func TestSnapshotOfAnotherJournalIsRefused(t *testing.T) {
	one, other := newCrashableBench(t), newCrashableBench(t)
	for _, b := range []*bench{one, other} {
		b.register("A")
		b.live("A", "2026-11-20T00:00", 0, 3)
		b.close()
	}
	if err := one.fs.RemoveAll("data/snapshots"); err != nil {
		t.Fatal(err)
	}
	if _, err := vfs.Clone(other.fs, one.fs, "data/snapshots", "data/snapshots"); err != nil {
		t.Fatal(err)
	}
	one.mustNotOpen(func(*node.Options) {}, "it is not the journal of batch")
}

func TestSnapshotIsTakenWhenTheJournalHasGrown(t *testing.T) {
	b := &bench{t: t, fs: vfs.NewCrashableMem(), zone: loadZone(t, "Asia/Singapore"), now: now, snapshotBytes: 1000}
	synctest.Test(t, func(t *testing.T) {
		b.open()
		b.register("A")
		b.live("A", "2026-11-20T00:00", 0, 40)
		synctest.Wait()
		if names := b.snapshots(); len(names) != 0 {
			t.Errorf("snapshots %v after %d bytes", names, 60+40*18)
		}
		b.live("A", "2026-11-20T00:00", 40, 20)
		synctest.Wait()
		if names := b.snapshots(); len(names) != 1 {
			t.Errorf("snapshots %v after %d bytes", names, 60+60*18)
		}
		b.close()
	})
}

func TestSnapshotIsTakenWhenItIsTime(t *testing.T) {
	b := &bench{t: t, fs: vfs.NewCrashableMem(), zone: loadZone(t, "Asia/Singapore"), now: now, snapshotEvery: time.Hour}
	synctest.Test(t, func(t *testing.T) {
		b.open()
		b.register("A")
		time.Sleep(59 * time.Minute)
		synctest.Wait()
		if names := b.snapshots(); len(names) != 0 {
			t.Errorf("snapshots %v after 59 minutes", names)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if names := b.snapshots(); len(names) != 1 {
			t.Errorf("snapshots %v after 61 minutes", names)
		}
		b.close()
	})
}

func TestReadingsGoOnWhileASnapshotIsWritten(t *testing.T) {
	disk := vfs.NewCrashableMem()
	reached, goOn := make(chan struct{}), make(chan struct{})
	armed := atomic.Bool{}
	slow := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileWrite && strings.HasSuffix(op.Path, ".snapshot.tmp") && armed.CompareAndSwap(true, false) {
			close(reached)
			<-goOn
		}
		return nil
	}))
	b := &bench{t: t, fs: slow, zone: loadZone(t, "Asia/Singapore"), now: now}
	b.open()
	b.register("A")
	b.live("A", "2026-11-20T00:00", 0, 5)
	want := b.Hash()
	armed.Store(true)
	taken := make(chan error)
	go func() { taken <- b.Snapshot(context.Background()) }()
	<-reached
	b.live("A", "2026-11-20T00:00", 5, 5)
	b.register("B")
	close(goOn)
	if err := <-taken; err != nil {
		t.Fatal(err)
	}
	later := b.Hash()
	b.close()
	if later == want {
		t.Error("the hash does not see what came")
	}
	b.fs = disk
	b.open()
	defer b.close()
	if b.Hash() != later {
		t.Error("the state is another one")
	}
}

func TestSnapshotThatFailsLeavesReceptionAlone(t *testing.T) {
	disk := vfs.NewCrashableMem()
	full := atomic.Bool{}
	fs := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full.Load() && strings.HasSuffix(op.Path, ".snapshot.tmp") {
			return errors.New("no space left on device")
		}
		return nil
	}))
	b := &bench{t: t, fs: fs, zone: loadZone(t, "Asia/Singapore"), now: now}
	b.open()
	b.register("A")
	full.Store(true)
	if err := b.Snapshot(context.Background()); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("error %v", err)
	}
	b.live("A", "2026-11-20T00:00", 0, 5)
	full.Store(false)
	b.snapshot()
	b.close()
	b.fs = disk
	b.open()
	defer b.close()
	b.wantReadings("A", "2026-11-20T00:00", 5)
}

func TestAStartThatIsStoppedSaysSoAndHarmsNothing(t *testing.T) {
	b := newCrashableBench(t)
	b.register("A")
	b.live("A", "2026-11-20T00:00", 0, 5)
	b.close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := node.Open(ctx, b.options()); !errors.Is(err, meter.ErrStopped) {
		t.Errorf("error %v", err)
	}
	b.open()
	defer b.close()
	b.wantReadings("A", "2026-11-20T00:00", 5)
}

func TestAStartReportsHowFarItIs(t *testing.T) {
	b := newCrashableBench(t)
	b.register("A")
	b.snapshot()
	b.live("A", "2026-11-20T00:00", 0, 5)
	survived := b.fs.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{})
	b.close()
	b.fs = survived
	o := b.options()
	last := make(map[string]ledger.Progress)
	o.Progress = func(p ledger.Progress) { last[p.Phase] = p }
	l, err := node.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if p := last["replaying the journal"]; p.Done != 5 || p.Total != 5 || !strings.Contains(p.String(), "5 of 5 (100 %)") {
		t.Errorf("replay: %v", p)
	}
	if p := last["reading the snapshot of batch 2"]; p.Done == 0 || p.Done > p.Total {
		t.Errorf("snapshot: %v", p)
	}
}
