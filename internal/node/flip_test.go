package node_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/faulttest"
	"meterledger/internal/meter"
	"meterledger/internal/node"
)

// flips is how many bits of each folder the whole proof flips: more than 20,000
// together.
const flips = 11_000

// folder is a data folder that bits are flipped in.
type folder struct {
	disk   *vfs.MemFS
	zone   *meter.Zone
	whole  [32]byte // hash of the state that it holds
	before [32]byte // hash of the state before its newest batch
}

// newFolders returns what a power cut leaves of a life, with a journal that has a
// tail behind the newest of two snapshots, and what a clean end leaves.
func newFolders(t *testing.T) map[string]*folder {
	t.Helper()
	zone := loadZone(t, "Asia/Singapore")
	disk := vfs.NewCrashableMem()
	c := &life{fs: disk, zone: zone}
	c.run(plan(1, 1, 4))
	killed := &folder{zone: zone, before: c.node.Hash()}
	c.fail("recording", c.record("B", zone.Floor(now)))
	killed.whole = c.node.Hash()
	killed.disk = faulttest.PowerCut(disk)
	c.close()
	for _, err := range c.errs {
		t.Fatal(err)
	}
	return map[string]*folder{
		"killed": killed,
		"closed": {disk: faulttest.PowerCut(disk), zone: zone, whole: killed.whole, before: killed.whole},
	}
}

// bit is one bit of a file.
type bit struct {
	path   string
	offset int
	mask   byte
}

// spread picks bits evenly from all files, about as many from each and at least n
// in all.
func spread(t *testing.T, disk *vfs.MemFS, n int) (bits []bit) {
	t.Helper()
	paths, err := faulttest.Files(disk, "data")
	if err != nil {
		t.Fatal(err)
	}
	for share := n / len(paths); len(bits) < n; share += share/8 + 1 {
		bits = bits[:0]
		for _, path := range paths {
			content, err := faulttest.Content(disk, path)
			if err != nil {
				t.Fatal(err)
			}
			all := 8 * len(content)
			for i := range min(share, all) {
				at := i * all / min(share, all)
				bits = append(bits, bit{path, at / 8, 1 << (at % 8)})
			}
		}
	}
	return bits
}

// outcome is what became of a folder that was damaged.
type outcome int

const (
	refused  outcome = iota // and the error says where
	harmless                // the state is the same
	lastLost                // the newest batch is taken for a torn one; see ADR 7
)

// opened opens a damaged folder, and tells whether that is all right.
func (f *folder) opened(disk *vfs.MemFS) (result outcome, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	for range 2 { // who is refused and starts again is refused again
		l, err := node.Open(context.Background(), optionsOn(disk, f.zone))
		if err != nil {
			if !strings.Contains(err.Error(), "data") && !strings.Contains(err.Error(), "batch") {
				return refused, fmt.Errorf("the error names no place: %w", err)
			}
			continue
		}
		hash := l.Hash()
		if err := l.Close(); err != nil {
			return refused, fmt.Errorf("it opened, and did not close: %w", err)
		}
		switch hash {
		case f.whole:
			return harmless, nil
		case f.before:
			return lastLost, nil
		default:
			return refused, fmt.Errorf("silent damage: the state is another one")
		}
	}
	return refused, nil
}

func TestAFlippedBitIsRefusedOrHarmless(t *testing.T) {
	for name, f := range newFolders(t) {
		t.Run(name, func(t *testing.T) {
			bits := spread(t, f.disk, flips/faulttest.Every(45))
			var counts [lastLost + 1]atomic.Int64
			err := faulttest.SideBySide(len(bits), func(i int) error {
				disk := faulttest.PowerCut(f.disk)
				b := bits[i]
				if err := faulttest.Garble(disk, b.path, b.offset, b.mask); err != nil {
					return err
				}
				result, err := f.opened(disk)
				if err == nil && result == lastLost && !strings.HasSuffix(b.path, ".log") {
					err = fmt.Errorf("the newest batch is lost")
				}
				if err != nil {
					return fmt.Errorf("%s, byte %d, bits %08b: %w", b.path, b.offset, b.mask, err)
				}
				counts[result].Add(1)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d bits flipped: %d refused, %d harmless, 0 silent; besides, %d in the newest acknowledged batch took it for torn",
				len(bits), counts[refused].Load(), counts[harmless].Load(), counts[lastLost].Load())
		})
	}
}
