package journal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/internal/chain"
	"meterledger/internal/faulttest"
	"meterledger/internal/journal"
)

// batchesFrom makes the batches that follow a position, as another node would.
func batchesFrom(at chain.Position, payloads ...string) (batches [][]byte) {
	for _, payload := range payloads {
		batches = append(batches, chain.Encode(nil, at, []byte(payload)))
		at = at.After(batches[len(batches)-1])
	}
	return batches
}

// putAll puts batches together, at most so many with one fsync, and says where the journal then ends.
func putAll(t fataler, j *journal.Journal, together int, batches [][]byte) {
	t.Helper()
	for some := range slices.Chunk(batches, together) {
		if err := j.PutAll(some); err != nil {
			t.Fatal(err)
		}
		if last := some[len(some)-1]; j.End().Hash != chain.HashOf(last) || j.Last() != j.End().Sequence {
			t.Fatal(fmt.Sprintf("after batch %x it ends with %d", last, j.Last()))
		}
	}
}

// handedOut returns what a journal hands out behind a sequence.
func handedOut(t fataler, j *journal.Journal, after uint64) (batches [][]byte) {
	t.Helper()
	err := j.Batches(after, func(batch []byte) error {
		batches = append(batches, batch)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return batches
}

func TestACopyIsByteForByteTheJournal(t *testing.T) {
	for together := range 5 {
		disk := vfs.NewMem()
		j := open(t, disk)
		appendAll(t, j, "batch 1")
		first := handedOut(t, j, 0)
		others := batchesFrom(j.End(), append(numbered(2, 10), strings.Repeat("batch 11", 100_000))...)
		putAll(t, j, together+1, others)
		appendAll(t, j, "batch 12") // as a node that leads
		all := slices.Concat(first, others)
		if got := handedOut(t, j, 0); !slices.EqualFunc(got[:11], all, bytes.Equal) || len(got) != 12 {
			t.Errorf("of batches put %d at a time it hands out %d others", together+1, len(got))
		}
		closeJournal(t, j)
		j = open(t, disk)
		if got := handedOut(t, j, 4); !slices.EqualFunc(got[:7], all[4:], bytes.Equal) || len(got) != 8 {
			t.Errorf("opened again, it hands out %d others", len(got))
		}
		if got := handedOut(t, j, 12); len(got) > 0 {
			t.Errorf("behind its end it hands out %q", got)
		}
		sequences, payloads, err := replay(j, 1)
		if err != nil || len(sequences) != 12 || !slices.Equal(payloads[:10], numbered(1, 10)) {
			t.Errorf("replayed %v: %v", sequences, err)
		}
		closeJournal(t, j)
	}
}

func TestABatchThatIsNotTheNextOneChangesNothing(t *testing.T) {
	disk := vfs.NewCrashableMem()
	j := open(t, disk)
	defer closeJournal(t, j)
	appendAll(t, j, numbered(1, 3)...)
	end := j.End()
	next := batchesFrom(end, numbered(4, 6)...)
	fork := batchesFrom(chain.Position{Journal: end.Journal, Sequence: 3, Hash: chain.Hash{1}}, "batch 4")[0]
	flipped := bytes.Clone(next[1])
	flipped[len(flipped)-1] ^= 1
	for name, batches := range map[string][][]byte{
		"the one after the next":        {next[1]},
		"the newest again":              {handedOut(t, j, 2)[0]},
		"one that follows another":      {fork},
		"one of another journal":        {batchesFrom(chain.Position{Sequence: 3, Hash: end.Hash}, "batch 4")[0]},
		"a gap among several":           {next[0], next[2]},
		"an altered one among several":  {next[0], flipped, next[2]},
		"nothing":                       {nil},
		"one without a payload":         {chain.Encode(nil, end, nil)},
		"one of more than 16 MiB":       {chain.Encode(nil, end, make([]byte, chain.PayloadBytesMax+1))},
		"several of which one is twice": {next[0], next[0]},
	} {
		if err := j.PutAll(batches); err == nil || !strings.Contains(err.Error(), "putting batch ") || j.Failure() != nil {
			t.Errorf("%s: error %v, and the journal failed with %v", name, err, j.Failure())
		}
		if j.End() != end {
			t.Errorf("%s: it ends at %v", name, j.End())
		}
	}
	if err := j.PutAll(nil); err != nil || j.End() != end {
		t.Errorf("no batch at all: %v", err)
	}
	if err := j.Put(next[0]); err != nil {
		t.Errorf("and then the right one is refused: %v", err)
	}
	wantReplay(t, j, 1, numbered(1, 4))
}

func TestBatchesThatWereCutAreSaidToBe(t *testing.T) {
	j := open(t, vfs.NewMem())
	defer closeJournal(t, j)
	appendAll(t, j, numbered(1, 10)...)
	taken, errTake := 0, errors.New("the caller is gone")
	err := j.Batches(0, func([]byte) error {
		if taken++; taken == 3 {
			return errTake
		}
		return nil
	})
	if taken != 3 || !errors.Is(err, errTake) || err.Error() != errTake.Error() {
		t.Errorf("%d were taken: %v", taken, err)
	}
	taken = 0
	err = j.Batches(0, func([]byte) error {
		taken++
		return j.Truncate(7)
	})
	var cut *journal.CutError
	if taken != 1 || !errors.As(err, &cut) || cut.First != 7 {
		t.Errorf("cut after %d: %v", taken, err)
	}
	if err := j.Batches(5, nil); !errors.As(err, &cut) || cut.First != 7 {
		t.Errorf("what was cut is asked for: %v", err)
	}
	if got := handedOut(t, j, 6); len(got) != 4 {
		t.Errorf("%d batches are left of 4", len(got))
	}
}

func TestADamagedBatchIsNotHandedOut(t *testing.T) {
	for name, damage := range map[string]func(*pebble.DB){
		"altered":            func(db *pebble.DB) { set(t, db, 4, append(get(t, db, 4), 0)) },
		"of another history": func(db *pebble.DB) { set(t, db, 4, foreign(t, 4)) },
		"not there":          func(db *pebble.DB) { remove(t, db, 4) },
		"emptied":            func(db *pebble.DB) { set(t, db, 4, nil) },
	} {
		disk := vfs.NewMem()
		j := open(t, disk)
		putAll(t, j, 10, batchesFrom(j.End(), numbered(1, 10)...))
		closeJournal(t, j)
		tamper(t, disk, damage)
		j = open(t, disk)
		taken := 0
		err := j.Batches(0, func([]byte) error { taken++; return nil })
		if wantCorruption(t, err, 4); taken != 3 {
			t.Errorf("%s: %d were handed out", name, taken)
		}
		closeJournal(t, j)
	}
}

// TestTheJournalIsReadBesideItsWriter is for the race detector.
func TestTheJournalIsReadBesideItsWriter(t *testing.T) {
	j := open(t, vfs.NewMem())
	batches := batchesFrom(j.End(), numbered(1, 600)...)
	var running sync.WaitGroup
	for range 3 {
		running.Go(func() {
			for at := uint64(0); at < 600; {
				err := j.Batches(at, func(batch []byte) error {
					if !bytes.Equal(batch, batches[at]) {
						return fmt.Errorf("batch %d is handed out as %x", at+1, batch)
					}
					at++
					return nil
				})
				var cut *journal.CutError
				if errors.As(err, &cut) {
					at = cut.First - 1
				} else if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	running.Go(func() {
		for j.Last() < 600 {
			first, err := j.First()
			if err = errors.Join(err, j.Truncate(first+10), j.Shrink(context.Background(), first+10)); err != nil {
				t.Error(err)
				return
			}
			_ = j.DiskBytes()
		}
	})
	for n := 0; n < 600; {
		some := batches[n:min(n+1+n%4, 600)]
		if err := j.PutAll(some); err != nil {
			t.Fatal(err)
		}
		n += len(some)
	}
	running.Wait()
	closeJournal(t, j)
	if err := j.Batches(0, nil); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("a closed journal hands out batches: %v", err)
	}
}

func TestBatchesPutTogetherAreThereOrNotAfterAPowerCut(t *testing.T) {
	disk := vfs.NewCrashableMem()
	var clones []*vfs.MemFS
	watching := atomic.Bool{}
	j := open(t, faulttest.Watch(disk, func(errorfs.Op) error {
		if watching.Load() { // while PutAll waits nothing else goes on
			clones = append(clones, faulttest.Killed(disk))
			for seed := range uint64(4) {
				clones = append(clones, faulttest.Torn(disk, 50, seed))
			}
		}
		return nil
	}))
	appendAll(t, j, "batch 1")
	torn := []string{letters(3_000), letters(50), letters(9_000), letters(6_000)} // of several disk blocks
	watching.Store(true)
	putAll(t, j, len(torn), batchesFrom(j.End(), torn...))
	watching.Store(false)
	putAll(t, j, 1, batchesFrom(j.End(), "batch 6"))
	clones = append(clones, faulttest.PowerCut(disk))
	closeJournal(t, j)
	left := map[uint64]int{}
	for _, clone := range clones {
		j := open(t, clone)
		left[j.Last()]++
		want := append([]string{"batch 1"}, torn...)
		switch j.Last() {
		case 1:
			want = want[:1]
		case 6:
			want = append(want, "batch 6")
		}
		wantReplay(t, j, 1, want)
		closeJournal(t, j)
	}
	t.Logf("so many states of the disk by the last batch: %v", left)
	if left[1] == 0 || left[5] == 0 || left[6] != 1 || len(clones) != left[1]+left[5]+left[6] {
		t.Error("they are not all that there can be")
	}
}

func TestNothingThatWasPutIsLostInAPowerCut(t *testing.T) {
	disk := vfs.NewCrashableMem()
	j := open(t, disk)
	var clones []*vfs.MemFS // after each fsync
	var lasts []uint64
	rng := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		n := int(j.Last())
		putAll(t, j, 4, batchesFrom(j.End(), numbered(n+1, n+1+rng.IntN(4))...))
		clones, lasts = append(clones, faulttest.Torn(disk, 50, uint64(n))), append(lasts, j.Last())
	}
	closeJournal(t, j)
	for i, clone := range clones {
		j := open(t, clone)
		wantReplay(t, j, 1, numbered(1, int(lasts[i])))
		putAll(t, j, 1, batchesFrom(j.End(), "next"))
		closeJournal(t, j)
	}
}

func TestAPutThatFailsIsFinal(t *testing.T) {
	disk := vfs.NewCrashableMem()
	fs, full := failing(disk, func(op errorfs.Op) bool {
		return faulttest.Syncs(op) && strings.HasSuffix(op.Path, ".log")
	})
	j := open(t, fs)
	batches := batchesFrom(j.End(), numbered(1, 6)...)
	putAll(t, j, 2, batches[:2])
	full.Store(true)
	if err := j.PutAll(batches[2:4]); err == nil || !strings.Contains(err.Error(), "writing batch 3 of journal") {
		t.Errorf("error %v", err)
	}
	full.Store(false)
	if err := takesNoMore(j); err != nil {
		t.Error(err)
	}
	for what, err := range map[string]error{"takes a batch": j.Put(batches[2]), "hands batches out": j.Batches(0, nil)} {
		if err == nil {
			t.Errorf("after its failure the journal %s", what)
		}
	}
	if j.Last() != 2 {
		t.Errorf("it says that it ends with batch %d", j.Last())
	}
	if err := holds(faulttest.PowerCut(disk), 2); err != nil {
		t.Error(err)
	}
}
