package journal_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/internal/faulttest"
	"meterledger/internal/journal"
)

// tailBytes is how much of the journal's end is cut and garbled.
const tailBytes = 64 << 10

// tail is a disk on which the power went while a batch was written: all of it is
// there, and none of it was acknowledged.
type tail struct {
	disk         *vfs.MemFS
	log          string // the file that the batch stands in
	content      []byte // of the log
	start        int    // in the log: where what was acknowledged ends
	acknowledged []string
}

// newTail makes one of a batch of so many bytes, or of several that are put together, in a new journal's
// first log, which Pebble writes in an older format, or in a later one.
func newTail(t *testing.T, firstLog bool, batchBytes ...int) *tail {
	t.Helper()
	live := vfs.NewCrashableMem()
	made := &tail{acknowledged: []string{"batch 1", strings.Repeat("batch 2", 1000), "batch 3"}}
	watching := atomic.Bool{}
	fs := faulttest.Watch(live, func(op errorfs.Op) error {
		if watching.Load() && faulttest.Syncs(op) && made.disk == nil {
			before, err := faulttest.Content(faulttest.PowerCut(live), op.Path)
			made.disk, made.log, made.start = faulttest.Killed(live), op.Path, len(before)
			return err
		}
		return nil
	})
	j := open(t, fs)
	if !firstLog {
		closeJournal(t, j)
		j = open(t, fs)
	}
	appendAll(t, j, made.acknowledged...)
	var torn []string
	size := 0
	for _, bytes := range batchBytes {
		torn = append(torn, letters(bytes))
		size += bytes
	}
	watching.Store(true)
	if len(torn) == 1 {
		appendAll(t, j, torn[0])
	} else {
		putAll(t, j, len(torn), batchesFrom(j.End(), torn...))
	}
	watching.Store(false)
	closeJournal(t, j)

	whole := open(t, faulttest.PowerCut(made.disk))
	wantReplay(t, whole, 1, slices.Concat(made.acknowledged, torn)) // so there is something to damage
	closeJournal(t, whole)
	var err error
	if made.content, err = faulttest.Content(made.disk, made.log); err != nil {
		t.Fatal(err)
	}
	if len(made.content)-made.start < size || !bytes.Contains(made.content[:made.start], []byte("batch 3")) {
		t.Fatalf("the batch was written from byte %d of %d", made.start, len(made.content))
	}
	return made
}

// letters is a text in which no part looks like another.
func letters(bytes int) string {
	rng := rand.New(rand.NewPCG(1, 1))
	b := make([]byte, bytes)
	for i := range b {
		b[i] = byte('a' + rng.IntN(26))
	}
	return string(b)
}

// recovers opens the journal with the log changed. It must hold exactly what was
// acknowledged, and go on from there.
func (c *tail) recovers(log []byte) error {
	disk := faulttest.PowerCut(c.disk)
	if err := faulttest.Put(disk, c.log, log); err != nil {
		return err
	}
	j, err := journal.Open(disk, folder, quiet)
	if err != nil {
		return err
	}
	_, payloads, err := replay(j, 1)
	if err != nil || !slices.Equal(payloads, c.acknowledged) {
		return fmt.Errorf("%d batches are left of %d, or they are others: %w", len(payloads), len(c.acknowledged), err)
	}
	if end, err := j.Append([]byte("next")); err != nil || end.Sequence != uint64(len(c.acknowledged)+1) {
		return fmt.Errorf("the next batch was appended as %d: %w", end.Sequence, err)
	}
	return j.Close()
}

// recoversAll damages the log at each place of a tail, as many at a time as there are
// cores.
func (c *tail) recoversAll(t *testing.T, places []int, damage func(place int) []byte) {
	t.Helper()
	err := faulttest.SideBySide(len(places), func(i int) error {
		if err := c.recovers(damage(places[i])); err != nil {
			return fmt.Errorf("byte %d of %d: %w", places[i], len(c.content), err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d places in the last %d bytes: all recovered to the last acknowledged batch", len(places), len(c.content)-c.start)
}

// places are every so many bytes of a tail.
func (c *tail) places(step int) (places []int) {
	for at := c.start; at < len(c.content); at += step {
		places = append(places, at)
	}
	return places
}

// garbled is the log with one byte changed.
func (c *tail) garbled(at int) []byte {
	log := bytes.Clone(c.content)
	log[at] ^= byte(1 + rand.New(rand.NewPCG(uint64(at), 2)).IntN(255))
	return log
}

func TestATailCutAtAnyByteIsDroppedAndNothingElse(t *testing.T) {
	for name, firstLog := range map[string]bool{"later log": false, "first log": true} {
		t.Run(name, func(t *testing.T) {
			tail := newTail(t, firstLog, tailBytes)
			tail.recoversAll(t, tail.places(faulttest.Every(167)), func(place int) []byte { return tail.content[:place] })
		})
	}
}

func TestATailOfSeveralBatchesDamagedAtAnyByteIsDroppedAndNothingElse(t *testing.T) {
	tail := newTail(t, false, 500, 20, 900, 600)
	tail.recoversAll(t, tail.places(faulttest.Every(13)), func(place int) []byte { return tail.content[:place] })
	tail.recoversAll(t, tail.places(faulttest.Every(23)), tail.garbled)
}

func TestATailGarbledAtAnyByteIsDroppedAndNothingElse(t *testing.T) {
	for name, firstLog := range map[string]bool{"later log": false, "first log": true} {
		t.Run(name, func(t *testing.T) {
			tail := newTail(t, firstLog, 2<<10)
			tail.recoversAll(t, tail.places(faulttest.Every(23)), tail.garbled)
		})
	}
}

// chunkHeaderBytes is the longest header of a chunk in Pebble's log. Each block of
// the log begins with one.
const chunkHeaderBytes = 19

// Where a chunk's checksum does not fit, Pebble tries for each of its bits whether
// that was flipped: up to half a second for a chunk of 32 KiB, and so four hours for
// all bytes of a long batch. All of its chunks' headers are garbled, and of what one
// checksum covers a sample.
func TestALongTailGarbledAnywhereIsDroppedAndNothingElse(t *testing.T) {
	for name, firstLog := range map[string]bool{"later log": false, "first log": true} {
		t.Run(name, func(t *testing.T) {
			tail := newTail(t, firstLog, tailBytes)
			places := tail.places(faulttest.EveryOf(33_001, 2_003))
			for _, at := range tail.places(1) {
				if at%pebbleBlockBytes < chunkHeaderBytes && at%faulttest.Every(17) == 0 {
					places = append(places, at)
				}
			}
			tail.recoversAll(t, places, tail.garbled)
		})
	}
}
