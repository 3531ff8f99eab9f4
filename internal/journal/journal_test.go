package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"meterledger/internal/chain"
	"meterledger/internal/journal"
)

const folder = "data/journal"

var quiet = slog.New(slog.DiscardHandler)

type fataler interface {
	Helper()
	Fatal(args ...any)
}

func open(t fataler, fs vfs.FS) *journal.Journal {
	t.Helper()
	j, err := journal.Open(fs, folder, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func closeJournal(t fataler, j *journal.Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func appendAll(t fataler, j *journal.Journal, payloads ...string) {
	t.Helper()
	for _, payload := range payloads {
		last := j.Last()
		if end, err := j.Append([]byte(payload)); err != nil || end.Sequence != last+1 || j.Last() != end.Sequence || j.End() != end {
			t.Fatal(fmt.Sprintf("appended as %d after %d: %v", end.Sequence, last, err))
		}
	}
}

// numbered makes payloads whose text tells their place.
func numbered(from, to int) (payloads []string) {
	for n := from; n <= to; n++ {
		payloads = append(payloads, fmt.Sprintf("batch %d", n))
	}
	return payloads
}

// replay returns what a journal hands out from a sequence on, and how it ended.
func replay(j *journal.Journal, from uint64) (sequences []uint64, payloads []string, err error) {
	err = j.Replay(from, func(sequence uint64, payload []byte) error {
		sequences, payloads = append(sequences, sequence), append(payloads, string(payload))
		return nil
	})
	return sequences, payloads, err
}

func wantReplay(t fataler, j *journal.Journal, from uint64, want []string) {
	t.Helper()
	sequences, payloads, err := replay(j, from)
	if err != nil || !slices.Equal(payloads, want) {
		t.Fatal(fmt.Sprintf("replayed from %d: %q, %v; want %q", from, payloads, err, want))
	}
	for i, sequence := range sequences {
		if sequence != max(from, 1)+uint64(i) {
			t.Fatal(fmt.Sprintf("replayed from %d: batch %d in place %d", from, sequence, i))
		}
	}
}

func TestANewJournalIsEmpty(t *testing.T) {
	j := open(t, vfs.NewMem())
	defer closeJournal(t, j)
	if j.Last() != 0 {
		t.Errorf("its last batch is %d", j.Last())
	}
	wantReplay(t, j, 0, nil)
	if err := j.Truncate(1); err != nil {
		t.Errorf("cutting it: %v", err)
	}
}

func TestBatchesAreReplayedInOrderAlsoAfterReopening(t *testing.T) {
	disk := vfs.NewMem()
	payloads := append(numbered(1, 20), string(bytes.Repeat([]byte{0xff}, 1<<20)), "\x00")
	for i := 0; i < len(payloads); i += 5 {
		j := open(t, disk)
		if j.Last() != uint64(i) {
			t.Fatalf("reopened with %d batches, want %d", j.Last(), i)
		}
		appendAll(t, j, payloads[i:min(i+5, len(payloads))]...)
		wantReplay(t, j, 0, payloads[:min(i+5, len(payloads))])
		closeJournal(t, j)
	}
	j := open(t, disk)
	defer closeJournal(t, j)
	wantReplay(t, j, 0, payloads)
	wantReplay(t, j, 7, payloads[6:])
	wantReplay(t, j, uint64(len(payloads)), payloads[len(payloads)-1:])
	wantReplay(t, j, uint64(len(payloads))+1, nil)
}

func TestTheLargestBatchIsTaken(t *testing.T) {
	disk := vfs.NewMem()
	j := open(t, disk)
	large := string(bytes.Repeat([]byte("0123456789abcdef"), chain.PayloadBytesMax/16))
	appendAll(t, j, large, "next")
	closeJournal(t, j)
	j = open(t, disk)
	defer closeJournal(t, j)
	wantReplay(t, j, 1, []string{large, "next"})
}

func TestABatchOfTheWrongSizeIsABug(t *testing.T) {
	j := open(t, vfs.NewMem())
	defer closeJournal(t, j)
	for _, size := range []int{0, chain.PayloadBytesMax + 1} {
		func() {
			defer func() {
				if r := recover(); r == nil {
					t.Errorf("a batch of %d bytes was taken", size)
				}
			}()
			_, _ = j.Append(make([]byte, size))
		}()
	}
	if j.Last() != 0 {
		t.Errorf("the last batch is %d", j.Last())
	}
}

func TestAPayloadMayBeChangedOnceItIsAppended(t *testing.T) {
	j := open(t, vfs.NewMem())
	defer closeJournal(t, j)
	payload := []byte("first")
	appendAll(t, j, string(payload))
	if _, err := j.Append(payload); err != nil {
		t.Fatal(err)
	}
	copy(payload, "XXXXX")
	appendAll(t, j, "third")
	wantReplay(t, j, 1, []string{"first", "first", "third"})
}

func TestReplayEndsWithTheErrorOfItsCaller(t *testing.T) {
	j := open(t, vfs.NewMem())
	defer closeJournal(t, j)
	appendAll(t, j, numbered(1, 5)...)
	reason := errors.New("cannot be applied")
	err := j.Replay(0, func(sequence uint64, _ []byte) error {
		if sequence == 3 {
			return reason
		}
		return nil
	})
	var corruption *chain.CorruptionError
	if !errors.Is(err, reason) || !errors.As(err, &corruption) || corruption.Sequence != 3 || corruption.Place != folder {
		t.Errorf("error %v", err)
	}
}

func TestCuttingKeepsTheNewestBatchAndTheChainGoesOn(t *testing.T) {
	for _, c := range []struct {
		before uint64
		first  int // the first batch that is left of 10
	}{{0, 1}, {1, 1}, {4, 4}, {10, 10}, {11, 10}, {1_000_000, 10}} {
		disk := vfs.NewMem()
		j := open(t, disk)
		appendAll(t, j, numbered(1, 10)...)
		for range 2 { // cutting again changes nothing
			if err := j.Truncate(c.before); err != nil {
				t.Fatal(err)
			}
		}
		wantReplay(t, j, uint64(c.first), numbered(c.first, 10))
		appendAll(t, j, "batch 11")
		closeJournal(t, j)
		j = open(t, disk)
		appendAll(t, j, "batch 12")
		wantReplay(t, j, uint64(c.first), numbered(c.first, 12))
		closeJournal(t, j)
	}
}

func TestAJournalIsWhatAListWouldBe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		disk := vfs.NewMem()
		j := open(t, disk)
		var model []string
		first := 1 // the sequence of the oldest batch
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				payload := string(rapid.SliceOfN(rapid.Byte(), 1, 50).Draw(t, "payload"))
				appendAll(t, j, payload)
				model = append(model, payload)
			},
			"put": func(t *rapid.T) {
				payloads := rapid.SliceOfN(rapid.StringN(1, 20, 50), 1, 4).Draw(t, "payloads")
				putAll(t, j, len(payloads), batchesFrom(j.End(), payloads...))
				model = append(model, payloads...)
			},
			"begin": func(t *rapid.T) {
				gap := rapid.IntRange(1, 10).Draw(t, "gap")
				at := chain.Position{Journal: j.End().Journal, Sequence: j.Last() + uint64(gap), Hash: chain.Hash{7}}
				if err := j.BeginAt(at); err != nil || j.End() != at {
					t.Fatal(j.End(), err)
				}
				model = append(model, make([]string, gap)...)
				first = len(model) + 1
			},
			"cut": func(t *rapid.T) {
				before := rapid.IntRange(0, len(model)+2).Draw(t, "before")
				if err := j.Truncate(uint64(before)); err != nil {
					t.Fatal(err)
				}
				first = max(first, min(before, len(model)))
			},
			"replay": func(t *rapid.T) {
				from := rapid.IntRange(first, max(first, len(model)+1)).Draw(t, "from")
				wantReplay(t, j, uint64(from), model[min(from-1, len(model)):])
			},
			"reopen": func(t *rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "rarely") > 0 {
					return // opening takes longest
				}
				closeJournal(t, j)
				j = open(t, disk)
			},
			"": func(t *rapid.T) {
				if j.Last() != uint64(len(model)) {
					t.Fatalf("the last batch is %d of %d", j.Last(), len(model))
				}
			},
		})
		closeJournal(t, j)
	})
}

func TestANewJournalHasItsIdBeforeAnythingIsWritten(t *testing.T) {
	disk := vfs.NewMem()
	j, err := journal.OpenReadOnly(disk, folder, quiet)
	if err != nil {
		t.Fatal(err)
	}
	before := j.End()
	closeJournal(t, j)
	j = open(t, disk)
	defer closeJournal(t, j)
	if before != j.End() || before.Journal == (chain.ID{}) {
		t.Errorf("it says %x, and then %x", before.Journal, j.End().Journal)
	}
}
