package node_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/faulttest"
	"meterledger/internal/journal"
	"meterledger/internal/meter"
	"meterledger/internal/node"
	"meterledger/internal/store"
)

// hashOf opens what is on a disk and returns the hash of its state.
func hashOf(disk vfs.FS, zone *meter.Zone) ([32]byte, error) {
	l, err := node.Open(context.Background(), optionsOn(disk, zone))
	if err != nil {
		return [32]byte{}, err
	}
	return l.Hash(), l.Close()
}

// livedWith goes through a plan and returns the disk as a kill leaves it, with the
// hash of the state at that time.
func livedWith(zone *meter.Zone, snapshotBytes int64, steps []step) (disk *vfs.MemFS, hash [32]byte, err error) {
	live := vfs.NewCrashableMem()
	c := &life{fs: live, zone: zone, snapshotBytes: snapshotBytes}
	if c.run(steps); len(c.errs) > 0 {
		return nil, hash, c.errs[0]
	}
	hash, disk = c.node.Hash(), faulttest.PowerCut(live)
	c.close()
	return disk, hash, nil
}

func never() func(*life) { return nil }

func TestSnapshotsAndRestartsAtAnyTimeLeadToTheSameState(t *testing.T) {
	zone := loadZone(t, "Asia/Singapore")
	steps := plan(2, 2, 3)
	_, want, err := livedWith(zone, 0, withPauses(steps, never))
	if err != nil {
		t.Fatal(err)
	}
	lives := 300 / faulttest.Every(20)
	err = faulttest.SideBySide(lives, func(i int) error {
		rng := rand.New(rand.NewPCG(uint64(i), 3))
		often := 1 + rng.IntN(10)
		disk, hash, err := livedWith(zone, rng.Int64N(8<<10), withPauses(steps, func() func(*life) {
			return []func(*life){(*life).snapshot, (*life).restart, nil}[min(rng.IntN(1+often), 2)]
		}))
		if err == nil && hash != want {
			err = fmt.Errorf("the state is another one")
		}
		for range 2 {
			if err == nil {
				hash, err = hashOf(disk, zone)
			}
			if err == nil && hash != want {
				err = fmt.Errorf("after a restart the state is another one")
			}
		}
		if err != nil {
			return fmt.Errorf("life %d: %w", i, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d lives of %d steps with snapshots and restarts between them: one state", lives, len(steps))
}

func TestReplayingTwiceAndInOtherBatchesLeadsToTheSameState(t *testing.T) {
	zone := loadZone(t, "Asia/Singapore")
	disk, want, err := livedWith(zone, 0, withPauses(plan(2, 2, 3), never))
	if err != nil {
		t.Fatal(err)
	}
	batches := batchesIn(t, disk)
	joins := 300 / faulttest.Every(20)
	err = faulttest.SideBySide(joins, func(i int) error {
		joined := join(batches, rand.New(rand.NewPCG(uint64(i), 4)), i)
		again := store.New()
		for range 2 { // twice
			for _, batch := range joined {
				if _, err := again.Apply(batch, store.Verdicts{}); err != nil {
					return err
				}
			}
			if again.Hash() != want {
				return fmt.Errorf("%d batches instead of %d lead to another state", len(joined), len(batches))
			}
		}
		hash, err := rewritten(joined, zone)
		if err == nil && hash != want {
			err = fmt.Errorf("a journal of %d batches instead of %d leads to another state", len(joined), len(batches))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d batches, replayed twice and joined in %d other ways: one state", len(batches), joins)
}

// batchesIn returns all batches of a journal that was never cut.
func batchesIn(t *testing.T, disk *vfs.MemFS) (batches [][]byte) {
	t.Helper()
	j, err := journal.Open(faulttest.PowerCut(disk), "data/journal", quiet)
	if err != nil {
		t.Fatal(err)
	}
	err = j.Replay(1, func(_ uint64, payload []byte) error {
		batches = append(batches, append([]byte(nil), payload...))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return batches
}

// join makes larger batches of some: none at first, then up to as many as there are.
func join(batches [][]byte, rng *rand.Rand, i int) (joined [][]byte) {
	for i := min(i, len(batches)-1); len(batches) > 0; {
		n := min(1+rng.IntN(1+i), len(batches))
		var one []byte
		for _, batch := range batches[:n] {
			one = append(one, batch...)
		}
		joined, batches = append(joined, one), batches[n:]
	}
	return joined
}

// rewritten is the hash of the state that a new data folder with other batches has.
func rewritten(batches [][]byte, zone *meter.Zone) (hash [32]byte, err error) {
	disk := vfs.NewMem()
	if _, err := hashOf(disk, zone); err != nil { // which signs the folder
		return hash, err
	}
	j, err := journal.Open(disk, "data/journal", quiet)
	if err != nil {
		return hash, err
	}
	for _, batch := range batches {
		if _, err := j.Append(batch); err != nil {
			return hash, err
		}
	}
	if err := j.Close(); err != nil {
		return hash, err
	}
	return hashOf(disk, zone)
}
