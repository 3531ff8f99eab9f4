package journal_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/internal/faulttest"
	"meterledger/internal/journal"
)

func TestAPowerCutWhileAJournalIsOpenedLeavesOneThatOpens(t *testing.T) {
	disk := vfs.NewCrashableMem()
	j := open(t, disk)
	appendAll(t, j, numbered(1, 3)...)
	closeJournal(t, j)
	var mu sync.Mutex // guards cuts: Pebble tidies up behind the journal's back
	var cuts []*vfs.MemFS
	j = open(t, faulttest.Watch(disk, func(op errorfs.Op) error {
		if faulttest.Changes(op) {
			mu.Lock()
			defer mu.Unlock()
			for seed := range uint64(8) {
				cuts = append(cuts, faulttest.Torn(disk, 50, seed))
			}
		}
		return nil
	}))
	closeJournal(t, j)
	for _, cut := range cuts {
		j := open(t, cut)
		wantReplay(t, j, 1, numbered(1, 3))
		closeJournal(t, j)
	}
	t.Logf("%d states of the disk", len(cuts))
}

// failing is a disk on which some operations fail once that is switched on.
func failing(disk vfs.FS, fails func(errorfs.Op) bool) (fs vfs.FS, on *atomic.Bool) {
	on = new(atomic.Bool)
	return faulttest.Watch(disk, func(op errorfs.Op) error {
		if on.Load() && fails(op) {
			return syscall.ENOSPC
		}
		return nil
	}), on
}

func newLog(op errorfs.Op) bool {
	return (op.Kind == errorfs.OpCreate || op.Kind == errorfs.OpReuseForWrite) && strings.HasSuffix(op.Path, ".log")
}

// takesNoMore makes sure that a journal has failed for good, and returns.
func takesNoMore(j *journal.Journal) error {
	<-j.Failed()
	_, appended := j.Append([]byte("more"))
	for what, err := range map[string]error{
		"takes a batch": appended, "is cut": j.Truncate(2), "is shrunk": j.Shrink(context.Background(), 2),
		"is closed": j.Close(), "is well": j.Failure(),
	} {
		if !errors.Is(err, syscall.ENOSPC) {
			return fmt.Errorf("after its failure the journal %s: %v", what, err)
		}
	}
	return nil
}

func TestAJournalThatCannotBeginAnotherLogTakesNoMore(t *testing.T) {
	disk := vfs.NewCrashableMem()
	fs, full := failing(disk, newLog)
	j := open(t, fs)
	appendAll(t, j, numbered(1, 3)...)
	full.Store(true)
	var err error
	for n := 0; err == nil && n < 1000; n++ { // 64 MiB, more than a log takes
		_, err = j.Append(make([]byte, 64<<10))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("error %v", err)
	}
	full.Store(false)
	if err := takesNoMore(j); err != nil {
		t.Error(err)
	}
	if err := holds(faulttest.PowerCut(disk), j.Last()); err != nil {
		t.Error(err)
	}
}

func TestAJournalWaitsForADescriptorWhenTheProcessHasNoneLeft(t *testing.T) {
	disk := vfs.NewCrashableMem()
	var asked, none atomic.Int32
	j := open(t, faulttest.Watch(disk, func(op errorfs.Op) error {
		isNew := newLog(op) || op.Kind == errorfs.OpCreate && strings.HasSuffix(op.Path, ".sst")
		if isNew && none.Load() > 0 && asked.Add(1)%4 != 0 { // each is asked for four times
			return syscall.EMFILE
		}
		return nil
	}))
	none.Store(1)
	for range 1000 { // 64 MiB, more than a log takes
		if _, err := j.Append(make([]byte, 64<<10)); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Failure(); err != nil || asked.Load() < 4 {
		t.Errorf("%v after %d attempts", err, asked.Load())
	}
	none.Store(0)
	closeJournal(t, j)
	if err := holds(disk, 1000); err != nil {
		t.Error(err)
	}
}

func TestAJournalThatCannotBeOpenedSaysWhy(t *testing.T) {
	disk := vfs.NewCrashableMem()
	j := open(t, disk)
	appendAll(t, j, numbered(1, 3)...)
	killed := faulttest.PowerCut(disk)
	closeJournal(t, j)
	fs, full := failing(killed, func(op errorfs.Op) bool { return op.Kind == errorfs.OpFileWrite })
	full.Store(true)
	if _, err := journal.Open(fs, folder, quiet); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("on a full disk: error %v", err)
	}
	if err := holds(faulttest.PowerCut(killed), 3); err != nil {
		t.Error(err)
	}
}

// holds opens a journal that must go at least as far as a batch.
func holds(disk vfs.FS, last uint64) error {
	j, err := journal.Open(disk, folder, quiet)
	if err != nil {
		return err
	}
	if j.Last() < last {
		return fmt.Errorf("it ends with batch %d of %d", j.Last(), last)
	}
	return j.Close()
}

func TestWhatFailsBehindAJournalsBackEndsIt(t *testing.T) {
	for name, fails := range map[string]func(errorfs.Op) bool{
		"table": func(op errorfs.Op) bool { return op.Kind == errorfs.OpCreate && strings.HasSuffix(op.Path, ".sst") },
		"list of tables": func(op errorfs.Op) bool {
			return op.Kind == errorfs.OpFileWrite && strings.Contains(op.Path, "MANIFEST")
		},
		"sync of the list":          func(op errorfs.Op) bool { return faulttest.Syncs(op) && strings.Contains(op.Path, "MANIFEST") },
		"sync of the names":         func(op errorfs.Op) bool { return faulttest.Syncs(op) && op.Path == folder },
		"end of the log of before":  func(op errorfs.Op) bool { return op.Kind == errorfs.OpFileWrite && strings.HasSuffix(op.Path, ".log") },
		"begin of the log of after": newLog,
	} {
		t.Run(name, func(t *testing.T) {
			disk := vfs.NewCrashableMem()
			fs, full := failing(disk, fails)
			j := open(t, fs)
			appendAll(t, j, numbered(1, 3)...)
			if err := j.Truncate(3); err != nil {
				t.Fatal(err)
			}
			full.Store(true)
			if err := j.Shrink(context.Background(), 3); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("error %v", err)
			}
			full.Store(false)
			if err := takesNoMore(j); err != nil {
				t.Error(err)
			}
			if err := holds(faulttest.PowerCut(disk), 3); err != nil {
				t.Error(err)
			}
		})
	}
}
