package journal_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/internal/chain"
	"meterledger/internal/journal"
)

func TestNothingThatWasAcknowledgedIsLostInAPowerCut(t *testing.T) {
	disk := vfs.NewCrashableMem()
	j := open(t, disk)
	var clones []*vfs.MemFS // one for each count of acknowledged batches
	for n := range 30 {
		appendAll(t, j, fmt.Sprintf("batch %d", n+1))
		clones = append(clones, disk.CrashClone(vfs.CrashCloneCfg{
			UnsyncedDataPercent: 50 * (n % 3), RNG: rand.New(rand.NewPCG(uint64(n), 1)),
		}))
		if n%10 == 5 {
			closeJournal(t, j)
			j = open(t, disk)
		}
	}
	closeJournal(t, j)
	for n, clone := range clones {
		j := open(t, clone)
		wantReplay(t, j, 1, numbered(1, n+1))
		appendAll(t, j, fmt.Sprintf("batch %d", n+2))
		wantReplay(t, j, 1, numbered(1, n+2))
		closeJournal(t, j)
	}
}

func TestABatchTornByAPowerCutIsDroppedOrWhole(t *testing.T) {
	disk := vfs.NewCrashableMem()
	var clones []*vfs.MemFS
	watching := atomic.Bool{}
	fs := errorfs.Wrap(disk, errorfs.InjectorFunc(func(errorfs.Op) error {
		if watching.Load() { // while Append waits nothing else goes on
			for seed := range uint64(3) {
				clones = append(clones, disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(seed, 2))}))
			}
		}
		return nil
	}))
	j := open(t, fs)
	appendAll(t, j, "batch 1")
	torn := strings.Repeat("batch 2", 6_000) // of many disk blocks
	watching.Store(true)
	appendAll(t, j, torn)
	watching.Store(false)
	closeJournal(t, j)
	if len(clones) < 3 {
		t.Fatal("there was nothing to tear")
	}
	t.Logf("%d states of the disk", len(clones))
	for _, clone := range clones {
		j := open(t, clone)
		want := []string{"batch 1"}
		if j.Last() == 2 {
			want = append(want, torn)
		}
		wantReplay(t, j, 1, want)
		closeJournal(t, j)
	}
}

func TestAFailedWriteIsFinal(t *testing.T) {
	for name, kinds := range map[string][]errorfs.OpKind{
		"write": {errorfs.OpFileWrite},
		"sync":  {errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo},
	} {
		t.Run(name, func(t *testing.T) {
			disk := vfs.NewCrashableMem()
			broken := atomic.Bool{}
			fs := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
				if broken.Load() && strings.HasSuffix(op.Path, ".log") {
					for _, kind := range kinds {
						if op.Kind == kind {
							return errorfs.ErrInjected
						}
					}
				}
				return nil
			}))
			j := open(t, fs)
			appendAll(t, j, "batch 1", "batch 2")

			broken.Store(true)
			_, first := j.Append([]byte("batch 3"))
			if first == nil || !strings.Contains(first.Error(), "batch 3") || !strings.Contains(first.Error(), "injected error") {
				t.Fatalf("error %v", first)
			}
			broken.Store(false) // the disk is well again, but nobody knows what it holds
			for range 3 {
				if end, err := j.Append([]byte("batch 4")); err == nil || !errors.Is(first, err) {
					t.Errorf("appended as %d: %v", end.Sequence, err)
				}
			}
			if j.Last() != 2 {
				t.Errorf("the last batch is %d", j.Last())
			}
			_ = j.Close() // may fail as well, but must return

			j, err := journal.Open(disk.CrashClone(vfs.CrashCloneCfg{}), folder, quiet)
			if err != nil {
				t.Fatal(err)
			}
			defer closeJournal(t, j)
			_, payloads, err := replay(j, 1)
			if err != nil || len(payloads) < 2 || len(payloads) > 3 {
				t.Errorf("after a restart it holds %q, %v", payloads, err)
			}
		})
	}
}

func TestAFullDiskIsAnErrorAndNotTheEnd(t *testing.T) {
	disk := vfs.NewMem()
	full := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpCreate || op.Kind == errorfs.OpFileWrite {
			return errors.New("no space left on device")
		}
		return nil
	}))
	if j, err := journal.Open(full, folder, quiet); err == nil {
		t.Errorf("opened with last batch %d", j.Last())
	} else if !strings.Contains(err.Error(), "no space left on device") {
		t.Errorf("error %v", err)
	}
}

func TestOnlyADamagedJournalIsCalledDamaged(t *testing.T) {
	disk := vfs.NewMem()
	first := open(t, disk)
	defer closeJournal(t, first)
	second, err := journal.Open(disk, folder, quiet) // the lock is taken
	if err == nil {
		closeJournal(t, second)
		t.Fatal("the journal is open twice")
	}
	var corruption *chain.CorruptionError
	if errors.As(err, &corruption) {
		t.Errorf("a journal that is open elsewhere is called damaged: %v", err)
	}
}
