package journal_test

import (
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/internal/chain"
	"meterledger/internal/durable"
	"meterledger/internal/faulttest"
	"meterledger/internal/journal"
)

// elsewhere is the position of a snapshot of another node.
var elsewhere = chain.Position{Journal: chain.ID{7: 0xaa}, Sequence: 100, Hash: chain.Hash{9: 0xbb}}

func beginAt(t fataler, j *journal.Journal, p chain.Position) {
	t.Helper()
	if err := j.BeginAt(p); err != nil {
		t.Fatal(err)
	}
	if j.End() != p || j.Last() != p.Sequence {
		t.Fatal(j.End(), "is its end")
	}
}

func wantCut(t *testing.T, j *journal.Journal, after, first uint64) {
	t.Helper()
	var cut *journal.CutError
	if err := j.Batches(after, nil); !errors.As(err, &cut) || cut.First != first {
		t.Errorf("behind batch %d: error %v", after, err)
	}
	if got, err := j.First(); err != nil || got != first {
		t.Errorf("it begins with batch %d, want %d: %v", got, first, err)
	}
}

func TestANewJournalBeginsBehindASnapshot(t *testing.T) {
	disk := vfs.NewMem()
	j := open(t, disk)
	beginAt(t, j, elsewhere)
	for range 3 { // however often the node starts before its first batch
		wantCut(t, j, 0, 101)
		wantCut(t, j, 99, 101)
		wantReplay(t, j, 101, nil)
		other := elsewhere
		other.Hash[0] ^= 1
		if err := errors.Join(j.GoesOnFrom(elsewhere), j.Truncate(200)); err != nil {
			t.Error(err)
		}
		wantCorruption(t, j.GoesOnFrom(other), 100)
		wantCorruption(t, j.GoesOnFrom(chain.Position{Journal: elsewhere.Journal, Sequence: 99}), 99)
		_, _, err := replay(j, 1)
		wantCorruption(t, err, 1)
		closeJournal(t, j)
		j = open(t, disk)
	}
	if err := j.Put(batchesFrom(chain.Position{Journal: elsewhere.Journal, Sequence: 100}, "batch 101")[0]); err == nil {
		t.Error("a batch that does not follow the snapshot was taken")
	}
	putAll(t, j, 2, batchesFrom(j.End(), numbered(101, 105)...))
	if err := j.CopyTo("backup"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		wantCut(t, j, 0, 101)
		wantReplay(t, j, 101, numbered(101, 105))
		if got := handedOut(t, j, 100); len(got) != 5 {
			t.Errorf("%d batches are handed out of 5", len(got))
		}
		if err := j.GoesOnFrom(elsewhere); err != nil {
			t.Error(err)
		}
		closeJournal(t, j)
		j = open(t, disk)
	}
	closeJournal(t, j)
	backup, err := journal.Open(disk, "backup", quiet)
	if err != nil {
		t.Fatal(err)
	}
	wantReplay(t, backup, 101, numbered(101, 105))
	closeJournal(t, backup)
}

func TestAJournalThatIsLeftBehindGoesOnBehindASnapshot(t *testing.T) {
	disk := vfs.NewMem()
	j := open(t, disk)
	appendAll(t, j, numbered(1, 10)...)
	at := chain.Position{Journal: j.End().Journal, Sequence: 50, Hash: chain.Hash{1}}
	beginAt(t, j, at)
	for range 2 {
		wantCut(t, j, 5, 51)
		wantCut(t, j, 10, 51)
		wantReplay(t, j, 51, nil)
		closeJournal(t, j)
		j = open(t, disk)
	}
	appendAll(t, j, numbered(51, 53)...)
	closeJournal(t, j)
	j = open(t, disk)
	wantCut(t, j, 5, 51)
	wantReplay(t, j, 51, numbered(51, 53))
	if err := j.Truncate(52); err != nil {
		t.Fatal(err)
	}
	wantCut(t, j, 50, 52)
	closeJournal(t, j)
}

func TestAJournalBeginsNowhereElse(t *testing.T) {
	disk := vfs.NewMem()
	j := open(t, disk)
	defer func() { closeJournal(t, j) }()
	appendAll(t, j, numbered(1, 10)...)
	for range 2 { // with batches, and with none behind the snapshot
		end := j.End()
		fork, other, before := end, end, end
		fork.Hash[0] ^= 1
		other.Journal[0] ^= 1
		other.Sequence += 100
		before.Sequence--
		for name, p := range map[string]chain.Position{"fork": fork, "other": other, "before": before, "zero": {}} {
			if err := j.BeginAt(p); err == nil || !strings.Contains(err.Error(), "cannot go on behind") || j.End() != end || j.Failure() != nil {
				t.Errorf("%s: error %v; it ends at %v, failed with %v", name, err, j.End(), j.Failure())
			}
		}
		beginAt(t, j, end) // which it did already
		end.Sequence += 10
		beginAt(t, j, end)
		closeJournal(t, j)
		j = open(t, disk)
	}
}

func TestAPowerCutWhileAJournalBeginsLeavesItBeforeOrAfter(t *testing.T) {
	for name, batches := range map[string]int{"new": 0, "left behind": 3} {
		disk := vfs.NewCrashableMem()
		var mu sync.Mutex // guards what is below: Pebble works behind the journal's back
		var cuts []*vfs.MemFS
		watching := false
		j := open(t, faulttest.Watch(disk, func(errorfs.Op) error {
			mu.Lock()
			defer mu.Unlock()
			for seed := range uint64(4) {
				if watching {
					cuts = append(cuts, faulttest.Torn(disk, 50, seed), faulttest.PowerCut(disk), faulttest.Killed(disk))
				}
			}
			return nil
		}))
		appendAll(t, j, numbered(1, batches)...)
		p := elsewhere
		if batches > 0 {
			p.Journal = j.End().Journal
		}
		before := j.End()
		watch := func(on bool) {
			mu.Lock()
			defer mu.Unlock()
			watching = on
		}
		watch(true)
		beginAt(t, j, p)
		watch(false)
		after := faulttest.PowerCut(disk)
		closeJournal(t, j)
		ends := map[chain.Position]int{}
		for _, cut := range append(cuts, after) {
			j := open(t, cut)
			ends[j.End()]++
			if j.End() == p {
				putAll(t, j, 2, batchesFrom(p, numbered(101, 103)...))
				wantReplay(t, j, 101, numbered(101, 103))
			} else {
				wantReplay(t, j, 1, numbered(1, batches))
				beginAt(t, j, p)
			}
			closeJournal(t, j)
		}
		t.Logf("%s: %d states of the disk", name, len(cuts))
		if len(ends) != 2 || ends[before] == 0 || ends[p] == 0 {
			t.Errorf("%s: so many cuts by the end that they leave: %v", name, ends)
		}
		j = open(t, after)
		if j.Last() != 103 {
			t.Errorf("%s: it was said to begin, and ends at %v", name, j.End())
		}
		closeJournal(t, j)
	}
}

func TestABeginningThatFailsIsFinal(t *testing.T) {
	for name, fails := range map[string]func(errorfs.Op) bool{
		"file":   func(op errorfs.Op) bool { return op.Kind == errorfs.OpCreate },
		"write":  func(op errorfs.Op) bool { return op.Kind == errorfs.OpFileWrite },
		"sync":   faulttest.Syncs,
		"rename": func(op errorfs.Op) bool { return op.Kind == errorfs.OpRename },
		"folder": func(op errorfs.Op) bool { return faulttest.Syncs(op) && op.Path == folder },
	} {
		disk := vfs.NewCrashableMem()
		fs, full := failing(disk, fails)
		j := open(t, fs)
		before := j.End()
		full.Store(true)
		if err := j.BeginAt(elsewhere); !errors.Is(err, syscall.ENOSPC) || !durable.IsFull(err) {
			t.Errorf("%s: error %v", name, err)
		}
		full.Store(false)
		if err := takesNoMore(j); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, cut := range []*vfs.MemFS{faulttest.PowerCut(disk), faulttest.Killed(disk)} {
			j := open(t, cut)
			if j.End() != before && j.End() != elsewhere {
				t.Errorf("%s: it ends at %v", name, j.End())
			}
			closeJournal(t, j)
		}
	}
}

// TestNoDamageMovesTheBeginning alters each byte of the file JOURNAL. What is not refused at once is refused
// by the snapshot that the journal begins behind, or holds all the same.
func TestNoDamageMovesTheBeginning(t *testing.T) {
	for _, batches := range []int{0, 3} {
		disk := vfs.NewCrashableMem()
		j := open(t, disk)
		beginAt(t, j, elsewhere)
		putAll(t, j, 2, batchesFrom(elsewhere, numbered(101, 100+batches)...))
		closeJournal(t, j)
		path := folder + "/JOURNAL"
		whole, err := faulttest.Content(disk, path)
		if err != nil {
			t.Fatal(err)
		}
		for bit := range 8 * len(whole) {
			damaged := faulttest.PowerCut(disk)
			if err := faulttest.Garble(damaged, path, bit/8, 1<<(bit%8)); err != nil {
				t.Fatal(err)
			}
			j, err := journal.Open(damaged, folder, quiet)
			if err != nil {
				continue
			}
			if j.GoesOnFrom(elsewhere) == nil {
				wantReplay(t, j, 101, numbered(101, 100+batches))
			}
			closeJournal(t, j)
		}
	}
}
