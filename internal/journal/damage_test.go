package journal_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/chain"
	"meterledger/internal/journal"
)

// tamper opens the log of a closed journal behind its back.
func tamper(t *testing.T, disk vfs.FS, change func(db *pebble.DB)) {
	t.Helper()
	db, err := pebble.Open(folder, &pebble.Options{FS: disk, FormatMajorVersion: pebble.FormatNewest, Logger: noLog{}})
	if err != nil {
		t.Fatal(err)
	}
	change(db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

type noLog struct{}

func (noLog) Infof(string, ...any)  {}
func (noLog) Errorf(string, ...any) {}
func (noLog) Fatalf(f string, _ ...any) {
	panic(f)
}

func key(sequence uint64) []byte { return binary.BigEndian.AppendUint64(nil, sequence) }

func get(t *testing.T, db *pebble.DB, sequence uint64) []byte {
	t.Helper()
	value, closer, err := db.Get(key(sequence))
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	return bytes.Clone(value)
}

func set(t *testing.T, db *pebble.DB, sequence uint64, value []byte) {
	t.Helper()
	if err := db.Set(key(sequence), value, pebble.Sync); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, db *pebble.DB, sequence uint64) {
	t.Helper()
	if err := db.Delete(key(sequence), pebble.Sync); err != nil {
		t.Fatal(err)
	}
}

// foreign is a well-formed batch of the same sequence from another journal.
func foreign(t *testing.T, sequence uint64) (value []byte) {
	t.Helper()
	disk := vfs.NewMem()
	j := open(t, disk)
	for range sequence {
		appendAll(t, j, "other history")
	}
	closeJournal(t, j)
	tamper(t, disk, func(db *pebble.DB) { value = get(t, db, sequence) })
	return value
}

func TestADamagedJournalIsRefusedAtThePlace(t *testing.T) {
	for _, c := range []struct {
		name     string
		change   func(t *testing.T, db *pebble.DB)
		sequence uint64 // of the batch that the error names
		replayed int    // batches that are handed out before it
	}{
		{"a byte of the payload altered", func(t *testing.T, db *pebble.DB) {
			value := get(t, db, 4)
			value[len(value)-1] ^= 1
			set(t, db, 4, value)
		}, 4, 3},
		{"a byte of the hash altered", func(t *testing.T, db *pebble.DB) {
			value := get(t, db, 4)
			value[50] ^= 1
			set(t, db, 4, value)
		}, 4, 3},
		{"the newest altered", func(t *testing.T, db *pebble.DB) {
			value := get(t, db, 10)
			value[len(value)-1] ^= 1
			set(t, db, 10, value)
		}, 10, 9},
		{"one emptied", func(t *testing.T, db *pebble.DB) { set(t, db, 4, nil) }, 4, 3},
		{"one cut off", func(t *testing.T, db *pebble.DB) { set(t, db, 4, get(t, db, 4)[:71]) }, 4, 3},
		{"one removed", func(t *testing.T, db *pebble.DB) { remove(t, db, 4) }, 5, 3},
		{"the oldest removed", func(t *testing.T, db *pebble.DB) { remove(t, db, 1) }, 2, 0},
		{"two swapped", func(t *testing.T, db *pebble.DB) {
			four, five := get(t, db, 4), get(t, db, 5)
			set(t, db, 4, five)
			set(t, db, 5, four)
		}, 4, 3},
		{"one doubled", func(t *testing.T, db *pebble.DB) { set(t, db, 5, get(t, db, 4)) }, 5, 4},
		{"one of another journal in its place", func(t *testing.T, db *pebble.DB) { set(t, db, 4, foreign(t, 4)) }, 4, 3},
		{"the oldest of another journal in its place", func(t *testing.T, db *pebble.DB) { set(t, db, 1, foreign(t, 1)) }, 1, 0},
		{"one too far ahead", func(t *testing.T, db *pebble.DB) { set(t, db, 12, foreign(t, 12)) }, 12, 10},
		{"the key of another size", func(t *testing.T, db *pebble.DB) {
			if err := db.Set(append(key(4), 0), get(t, db, 4), pebble.Sync); err != nil {
				t.Fatal(err)
			}
		}, 0, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			disk := vfs.NewMem()
			j := open(t, disk)
			appendAll(t, j, numbered(1, 10)...)
			closeJournal(t, j)
			tamper(t, disk, func(db *pebble.DB) { c.change(t, db) })

			j, err := journal.Open(disk, folder, quiet)
			if err != nil { // noticed at once
				wantCorruption(t, err, c.sequence)
				return
			}
			defer closeJournal(t, j)
			_, payloads, err := replay(j, 1)
			if len(payloads) != c.replayed {
				t.Errorf("replayed %q, want the first %d", payloads, c.replayed)
			}
			wantCorruption(t, err, c.sequence)
		})
	}
}

func wantCorruption(t *testing.T, err error, sequence uint64) {
	t.Helper()
	var corruption *chain.CorruptionError
	if !errors.As(err, &corruption) {
		t.Fatalf("error %v", err)
	}
	if corruption.Sequence != sequence || corruption.Place != folder || !strings.Contains(err.Error(), folder) {
		t.Errorf("error %v names batch %d, want %d", err, corruption.Sequence, sequence)
	}
}

func TestReplayingFromWhatIsGoneIsRefused(t *testing.T) {
	disk := vfs.NewMem()
	j := open(t, disk)
	defer closeJournal(t, j)
	appendAll(t, j, numbered(1, 10)...)
	if err := j.Truncate(6); err != nil {
		t.Fatal(err)
	}
	_, payloads, err := replay(j, 4) // batches 4 and 5 are gone
	if len(payloads) > 0 {
		t.Errorf("replayed %q", payloads)
	}
	wantCorruption(t, err, 6)
}

func TestABatchMayHoldWhatLooksLikeABatch(t *testing.T) {
	disk := vfs.NewMem()
	j := open(t, disk)
	appendAll(t, j, "MLJ1\x00\x00\x00\x01\x00\x00\x00\x00\x7f\xff\xff\xff", string(foreign(t, 90)))
	closeJournal(t, j)
	j = open(t, disk)
	defer closeJournal(t, j)
	if _, payloads, err := replay(j, 1); err != nil || len(payloads) != 2 {
		t.Errorf("replayed %q, %v", payloads, err)
	}
}

func TestTheNewestBatchesCannotBeTakenAway(t *testing.T) {
	disk := vfs.NewMem()
	j := open(t, disk)
	appendAll(t, j, numbered(1, 10)...)
	closeJournal(t, j)
	tamper(t, disk, func(db *pebble.DB) {
		remove(t, db, 9)
		remove(t, db, 10)
	})
	for range 2 { // nor by starting again
		j, err := journal.Open(disk, folder, quiet)
		if err == nil {
			_, payloads, err := replay(j, 1)
			t.Fatalf("replayed %q, %v", payloads, err)
		}
		wantCorruption(t, err, 9)
	}
}

// wantNoSilentLoss opens a damaged journal: it is refused, or whole.
func wantNoSilentLoss(t *testing.T, damaged vfs.FS, what string, want []string) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil {
			t.Fatalf("%s: panic: %.200v", what, r)
		}
	}()
	j, err := journal.Open(damaged, folder, quiet)
	if err != nil { // refused, and every later start is refused too
		if j, err := journal.Open(damaged, folder, quiet); err == nil {
			if _, payloads, err := replay(j, 1); err == nil && len(payloads) < len(want) {
				t.Fatalf("%s: refused once, then %d of %d acknowledged batches are left, and no error", what, len(payloads), len(want))
			}
			_ = j.Close()
		}
		return
	}
	defer j.Close() // which a damaged one may refuse
	_, payloads, err := replay(j, 1)
	if len(payloads) > len(want) || !slices.Equal(payloads, want[:len(payloads)]) {
		t.Fatalf("%s: replayed something else", what)
	}
	if err == nil && len(payloads) < len(want) {
		t.Fatalf("%s: %d of %d acknowledged batches are left, and no error", what, len(payloads), len(want))
	}
}

// eachFlip calls damaged with copies of a disk that have a bit flipped, at places
// spread over every file of the journal whose size sizeOf gives.
func eachFlip(t *testing.T, disk *vfs.MemFS, flips int64, sizeOf func(name string, size int64) int64, damaged func(vfs.FS, string)) {
	t.Helper()
	names, err := disk.List(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		path := disk.PathJoin(folder, name)
		stat, err := disk.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		size := sizeOf(name, stat.Size())
		for offset := int64(0); offset < size; offset += max(1, size/flips) {
			clone := disk.CrashClone(vfs.CrashCloneCfg{})
			flip(t, clone, path, offset)
			damaged(clone, fmt.Sprintf("%s, byte %d of %d", name, offset, size))
		}
	}
}

// pebbleBlockBytes is the size of the blocks that Pebble's log is written in. What
// is damaged in the last one cannot be told from what a power cut tore.
const pebbleBlockBytes = 32 << 10

func TestAFlippedBitInTheLogOfAKilledProcessIsNoticed(t *testing.T) {
	var want []string
	for n := range 40 {
		want = append(want, strings.Repeat(fmt.Sprintf("batch %d ", n+1), 500))
	}
	for name, together := range map[string]int{"one at a time": 0, "put together": 30} {
		t.Run(name, func(t *testing.T) {
			disk := vfs.NewCrashableMem()
			j := open(t, disk)
			putAll(t, j, 3, batchesFrom(j.End(), want[:together]...))
			appendAll(t, j, want[together:]...) // more than a block
			killed := disk.CrashClone(vfs.CrashCloneCfg{})
			closeJournal(t, j)
			flips := 0
			beforeLastBlock := func(name string, size int64) int64 {
				if !strings.HasSuffix(name, ".log") {
					return 0
				}
				return size / pebbleBlockBytes * pebbleBlockBytes
			}
			eachFlip(t, killed, 50, beforeLastBlock, func(damaged vfs.FS, what string) {
				flips++
				wantNoSilentLoss(t, damaged, what, want)
			})
			if flips < 50 {
				t.Errorf("only %d bits were flipped", flips)
			}
		})
	}
}

func TestAFlippedBitInAClosedJournalIsNoticed(t *testing.T) {
	disk := vfs.NewCrashableMem()
	for _, part := range [][]string{numbered(1, 20), numbered(21, 40)} {
		j := open(t, disk)
		appendAll(t, j, part...)
		closeJournal(t, j)
	}
	flips := 0
	whole := func(_ string, size int64) int64 { return size }
	eachFlip(t, disk, 30, whole, func(damaged vfs.FS, what string) {
		flips++
		wantNoSilentLoss(t, damaged, what, numbered(1, 40))
	})
	if flips < 60 {
		t.Errorf("only %d bits were flipped", flips)
	}
}

func flip(t *testing.T, disk vfs.FS, path string, offset int64) {
	t.Helper()
	f, err := disk.OpenReadWrite(path, "test")
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, offset); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x10
	if _, err := f.WriteAt(b, offset); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}
