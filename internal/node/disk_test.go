package node_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
)

// isJournalSync reports whether an operation makes the journal's log safe.
func isJournalSync(op errorfs.Op) bool {
	switch op.Kind {
	case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
		return strings.HasSuffix(op.Path, ".log")
	}
	return false
}

func TestNothingIsAcknowledgedThatTheDiskDidNotTake(t *testing.T) {
	var broken atomic.Bool
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if broken.Load() && isJournalSync(op) {
			return errorfs.ErrInjected
		}
		return nil
	}))
	b := &bench{t: t, fs: fs, zone: loadZone(t, "Asia/Singapore"), now: now}
	b.open()
	b.register("A")
	broken.Store(true)
	if _, err := b.Record(t.Context(), b.reading("A", "2026-11-20T10:00", "1")); err == nil {
		t.Fatal("a reading was acknowledged that could not be synced")
	}
	if err := b.Register(t.Context(), "B", "Owner", "Road"); err == nil {
		t.Error("an account was acknowledged after the disk had failed")
	}
	broken.Store(false) // the disk is well again, but nobody knows what it holds
	if _, err := b.Record(t.Context(), b.reading("A", "2026-11-20T10:00", "1")); err == nil {
		t.Error("a reading was acknowledged after the disk had failed")
	}
	<-b.Failed()
	if err := b.Failure(); err == nil || !strings.Contains(err.Error(), "injected error") {
		t.Errorf("the failure is %v", err)
	}
}

func TestNobodyIsAnsweredBeforeTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newSlowDisk()
		b := &bench{t: t, fs: disk.fs(), zone: loadZone(t, "Asia/Singapore"), now: now}
		b.open()
		defer b.close()
		b.register("A")
		synctest.Wait()
		disk.held.Store(true)
		answers := make(chan error, 2)
		go func() {
			_, err := b.Record(context.Background(), b.reading("A", "2026-11-20T10:00", "1"))
			answers <- err
		}()
		go func() { answers <- b.Register(context.Background(), "B", "Owner", "Road") }()
		synctest.Wait()
		if len(answers) > 0 {
			t.Error("a caller was answered while the disk was still writing")
		}
		if points := b.readings(t, "A", b.zone.MonthWindow(meter.Month{Year: 2026, Month: time.November})); len(points) > 0 {
			t.Error("a reading was seen while the disk was still writing")
		}
		disk.goOn()
		if err := errors.Join(<-answers, <-answers); err != nil {
			t.Error(err)
		}
	})
}

// TestWhileTheDiskHangsReadingsAreRefusedAndQuestionsAnswered lets time pass in a bubble only.
func TestWhileTheDiskHangsReadingsAreRefusedAndQuestionsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newSlowDisk()
		b := &bench{t: t, fs: disk.fs(), zone: loadZone(t, "Asia/Singapore"), now: now, diskSlow: 2 * time.Second}
		b.open()
		defer b.close()
		b.register("A")
		b.record("A", "2026-11-20T10:00", "1")
		disk.held.Store(true)
		waiting := make(chan error, 1)
		go func() {
			_, err := b.Record(context.Background(), b.reading("A", "2026-11-20T10:30", "2"))
			waiting <- err
		}()
		time.Sleep(2*time.Second - 1)
		if err := b.Ready(); err != nil {
			t.Errorf("before the time is over: %v", err)
		}
		time.Sleep(2 * time.Nanosecond)
		if reason := meter.ReasonOf(b.Ready()); reason != meter.ReasonDiskSlow {
			t.Errorf("the reason is %q", reason)
		}
		if code := b.record("A", "2026-11-20T11:00", "3"); code != meter.CodeDiskSlow {
			t.Errorf("a reading: %q", code)
		}
		if code := b.record("A", "2026-11-20T10:00", "1"); code != "" {
			t.Errorf("a recorded one: %q", code)
		}
		if code := code(t, b.Register(t.Context(), "B", "Owner", "Road")); code != meter.CodeDiskSlow {
			t.Errorf("a registration: %q", code)
		}
		if _, err := b.RecordMany(t.Context(), []meter.Reading{b.reading("A", "2026-11-20T11:00", "3")}); meter.CodeOf(err) != meter.CodeDiskSlow {
			t.Errorf("a bulk: %v", err)
		}
		if points := b.readings(t, "A", b.zone.MonthWindow(meter.Month{Year: 2026, Month: time.November})); len(points) != 1 {
			t.Errorf("a question finds %d readings", len(points))
		}
		disk.goOn()
		if err := <-waiting; err != nil {
			t.Errorf("the reading that waited: %v", err)
		}
		synctest.Wait()
		if code := b.record("A", "2026-11-20T11:00", "3"); code != "" {
			t.Errorf("when the disk answers again: %q", code)
		}
		if err := b.Ready(); err != nil {
			t.Error(err)
		}
	})
}

// slowDisk holds the fsyncs of the journal up for as long as it is told to.
type slowDisk struct {
	held    atomic.Bool
	release chan struct{}
}

func newSlowDisk() *slowDisk { return &slowDisk{release: make(chan struct{})} }

func (d *slowDisk) fs() vfs.FS {
	return errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if d.held.Load() && isJournalSync(op) {
			<-d.release
		}
		return nil
	}))
}

func (d *slowDisk) goOn() {
	d.held.Store(false)
	close(d.release)
}

func TestAReadingThatIsBeingWrittenWhenItsMonthIsClosedIsArchived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newSlowDisk()
		b := &bench{t: t, fs: disk.fs(), zone: loadZone(t, "Asia/Singapore"), now: now}
		b.open()
		defer b.close()
		b.register("A")
		disk.held.Store(true)
		recorded := make(chan error, 1)
		go func() {
			_, err := b.Record(context.Background(), b.reading("A", "2026-10-31T23:30", "20"))
			recorded <- err
		}()
		synctest.Wait() // for the disk, with the reading
		run, err := b.Start(october)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // for the reading, with the closing
		disk.goOn()
		<-run.Done()
		if err := errors.Join(<-recorded, run.Err); err != nil {
			t.Fatal(err)
		}
		if points := b.readings(t, "A", b.zone.MonthWindow(october.Month)); len(points) != 1 {
			t.Errorf("A has %d readings in October, want the one that was acknowledged", len(points))
		}
		if rows := run.Archives[0].Rows; rows != 1 {
			t.Errorf("the archive has %d rows, want 1", rows)
		}
	})
}

// archiveDisk is a file system that calls back when an archive is about to be put
// in place, which fails with what the call returns, and when it is in place.
type archiveDisk struct {
	vfs.FS
	before func() error
	after  func()
}

func (d *archiveDisk) Rename(from, to string) error {
	if !strings.HasSuffix(to, ".csv") || strings.HasSuffix(to, archive.AccountsName) {
		return d.FS.Rename(from, to)
	}
	if d.before != nil {
		if err := d.before(); err != nil {
			return err
		}
	}
	err := d.FS.Rename(from, to)
	if d.after != nil {
		d.after()
	}
	return err
}

func TestMemoryIsClearedOnlyWhenTheArchiveIsInPlace(t *testing.T) {
	disk := &archiveDisk{FS: vfs.NewMem(), before: func() error { return io.ErrShortWrite }}
	b := &bench{t: t, fs: disk, zone: loadZone(t, "Asia/Singapore"), now: now}
	b.open()
	defer func() { b.close() }()
	b.register("A")
	b.record("A", "2026-10-10T10:00", "20")
	b.record("A", "2026-10-12T10:00", "22")
	if run := b.maintain(october); !errors.Is(run.Err, io.ErrShortWrite) {
		t.Fatalf("the run says %v of an archive that cannot be put in place", run.Err)
	}
	b.wantTwoOfOctober("after the run failed")
	b.restart()
	b.wantTwoOfOctober("after a restart")
	disk.before = nil
	if run := b.maintain(october); run.Err != nil || run.Archives[0].Rows != 2 {
		t.Errorf("the run cannot be repeated: %+v, %v", run.Archives, run.Err)
	}
	b.wantTwoOfOctober("after the run was repeated")
}

func TestAReadingThatComesWhileItsMonthIsClosedHasToComeAgain(t *testing.T) {
	disk := &archiveDisk{FS: vfs.NewMem()}
	b := &bench{t: t, fs: disk, zone: loadZone(t, "Asia/Singapore"), now: now}
	b.open()
	defer b.close()
	b.register("A")
	b.record("A", "2026-10-10T10:00", "20")
	came := 0
	during := func() {
		came++
		if got := b.record("A", "2026-10-12T10:00", "22"); got != meter.CodeMaintenanceRunning {
			t.Errorf("a reading of the month: got %q", got)
		}
		if got := b.record("A", "2026-11-01T00:30", "25"); got != "" {
			t.Errorf("a reading of the month after: got %q", got)
		}
	}
	disk.before, disk.after = func() error { during(); return nil }, during
	if run := b.maintain(october); run.Err != nil || came != 2 {
		t.Fatalf("the run says %v, the reading came %d times", run.Err, came)
	}
	if got := b.record("A", "2026-10-12T10:00", "22"); got != "" {
		t.Errorf("the reading after the closing: got %q", got)
	}
	b.wantTwoOfOctober("when the month was closed")
}

func TestWhatIsQueuedWhenTheLedgerIsClosedIsWritten(t *testing.T) {
	for range 10 { // a closing ledger may look at its queue first, or at the order to stop
		synctest.Test(t, func(t *testing.T) {
			disk := newSlowDisk()
			b := &bench{t: t, fs: disk.fs(), zone: loadZone(t, "Asia/Singapore"), now: now}
			b.open()
			b.register("A")
			disk.held.Store(true)
			answers := make(chan error, 2)
			for _, stamp := range []string{"2026-11-20T10:00", "2026-11-20T10:30"} {
				go func() {
					_, err := b.Record(context.Background(), b.reading("A", stamp, "1"))
					answers <- err
				}()
				synctest.Wait() // the first is on its way to the disk, the second queued
			}
			closed := make(chan error, 1)
			go func() { closed <- b.Ledger.Close() }()
			synctest.Wait()
			disk.goOn()
			if err := errors.Join(<-answers, <-answers, <-closed, b.Audit.Close()); err != nil {
				t.Error(err)
			}
		})
	}
}
