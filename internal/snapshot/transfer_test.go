package snapshot_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/internal/chain"
	"meterledger/internal/faulttest"
	"meterledger/internal/snapshot"
)

// sentBytes returns the newest snapshot of a folder as another node gets it.
func sentBytes(t *testing.T, f *snapshot.Folder) (whole []byte, p chain.Position) {
	t.Helper()
	file, size, p, err := f.OpenNewest()
	if err != nil {
		t.Fatal(err)
	}
	whole, err = io.ReadAll(file)
	if err = errors.Join(err, file.Close()); err != nil || int64(len(whole)) != size {
		t.Fatalf("%d bytes of %d: %v", len(whole), size, err)
	}
	return whole, p
}

// writtenBytes are those of a snapshot on another disk, of a batch and of so many large records.
func writtenBytes(t *testing.T, sequence uint64, large int) []byte {
	t.Helper()
	f := open(t, vfs.NewMem())
	_, err := f.Write(position(sequence), func(emit func([]byte) error) error {
		err := errors.Join(emit([]byte("one")), emit([]byte("two and a half")))
		for range large {
			err = errors.Join(err, emit(bytes.Repeat([]byte{7, 8, 9}, 50_000)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	whole, _ := sentBytes(t, f)
	return whole
}

func anySnapshot(chain.Position) error { return nil }

func TestASnapshotThatIsNotWantedIsNotReadOn(t *testing.T) {
	fs := vfs.NewMem()
	f := open(t, fs)
	whole := writtenBytes(t, 18, 20)
	rest, unwanted := bytes.NewReader(whole), errors.New("it is of another journal")
	p, err := f.Receive(rest, func(p chain.Position) error {
		if p != position(18) {
			t.Errorf("it says that it is of %v", p)
		}
		return unwanted
	})
	if !errors.Is(err, unwanted) || p != (chain.Position{}) || rest.Len() < len(whole)/2 {
		t.Errorf("%v, error %v, %d bytes before its end", p, err, rest.Len())
	}
	if files, err := faulttest.Files(fs, "data/snapshots"); err != nil || len(files) > 0 {
		t.Errorf("there are %v, %v", files, err)
	}
}

func TestASnapshotIsReceivedAsItWasSent(t *testing.T) {
	for name, disk := range map[string]vfs.FS{"memory": vfs.NewMem(), "disk": vfs.Default} {
		t.Run(name, func(t *testing.T) {
			at := t.TempDir()
			from, err := snapshot.OpenFolder(disk, disk.PathJoin(at, "from"))
			if err != nil {
				t.Fatal(err)
			}
			to, err := snapshot.OpenFolder(disk, disk.PathJoin(at, "to"))
			if err != nil {
				t.Fatal(err)
			}
			for _, sequence := range []uint64{9, 100, 17} {
				if _, err := write(from, sequence); err != nil {
					t.Fatal(err)
				}
			}
			whole, p := sentBytes(t, from)
			if p != position(100) {
				t.Errorf("the newest is of %v", p)
			}
			for range 2 { // receiving it again changes nothing
				got, err := to.Receive(iotest.OneByteReader(bytes.NewReader(whole)), anySnapshot)
				if err != nil || got != p {
					t.Fatalf("received %v: %v", got, err)
				}
				if sequences, err := to.Sequences(); err != nil || !slices.Equal(sequences, []uint64{100}) {
					t.Errorf("there are %v, %v", sequences, err)
				}
			}
			if _, got, err := read(to, 100); err != nil || !slices.Equal(got, records) {
				t.Errorf("%d records, %v", len(got), err)
			}
			if got, _ := sentBytes(t, to); !bytes.Equal(got, whole) {
				t.Error("it is sent on altered")
			}
		})
	}
}

func TestADamagedSnapshotIsNotSent(t *testing.T) {
	fs := vfs.NewMem()
	f := open(t, fs)
	if _, _, _, err := f.OpenNewest(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("of an empty folder: error %v", err)
	}
	for _, sequence := range []uint64{9, 10, 11} {
		if _, err := write(f, sequence); err != nil {
			t.Fatal(err)
		}
	}
	whole := content(t, fs, f.Path(10))
	put(t, fs, f.Path(11), whole) // under another's name
	whole[len(whole)-20] ^= 1
	put(t, fs, f.Path(10), whole)
	if _, p := sentBytes(t, f); p != position(9) {
		t.Errorf("that of %v was sent", p)
	}
	put(t, fs, f.Path(9), whole[:70])
	_, _, _, err := f.OpenNewest()
	var corruption *snapshot.CorruptionError
	if !errors.Is(err, os.ErrNotExist) || !errors.As(err, &corruption) || corruption.File != f.Path(11) {
		t.Errorf("of damaged ones: error %v", err)
	}
}

func TestASnapshotIsSentToItsEndAlthoughItIsRemoved(t *testing.T) {
	for name, disk := range map[string]vfs.FS{"memory": vfs.NewMem(), "disk": vfs.Default} {
		f, err := snapshot.OpenFolder(disk, disk.PathJoin(t.TempDir(), name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := write(f, 17); err != nil {
			t.Fatal(err)
		}
		want, _ := sentBytes(t, f)
		file, _, _, err := f.OpenNewest()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := write(f, 18); err != nil {
			t.Fatal(err)
		}
		if err := f.Keep(18); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(file)
		if err = errors.Join(err, file.Close()); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes of %d, %v", name, len(got), len(want), err)
		}
	}
}

// TestSnapshotsAreSentWhileOthersAreWritten is for the race detector.
func TestSnapshotsAreSentWhileOthersAreWritten(t *testing.T) {
	f := open(t, vfs.NewMem())
	if _, err := write(f, 1); err != nil {
		t.Fatal(err)
	}
	var sending sync.WaitGroup
	for range 2 {
		to := open(t, vfs.NewMem())
		sending.Go(func() {
			for sequence := uint64(0); sequence < 20; {
				file, _, p, err := f.OpenNewest()
				if errors.Is(err, os.ErrNotExist) {
					continue // those that were listed have been removed
				}
				if err != nil {
					t.Error(err)
					return
				}
				got, err := to.Receive(file, anySnapshot)
				if err = errors.Join(err, file.Close()); err != nil || got != p || p.Sequence < sequence {
					t.Errorf("after %d: %v, %v", sequence, p, err)
					return
				}
				sequence = p.Sequence
			}
		})
	}
	for sequence := uint64(2); sequence <= 20; sequence++ {
		if _, err := write(f, sequence); err != nil {
			t.Fatal(err)
		}
		if err := f.Keep(sequence-1, sequence); err != nil {
			t.Fatal(err)
		}
	}
	sending.Wait()
}

// badStreams are all that may come instead of a snapshot: cut or broken off at every byte, with every bit
// flipped, longer, and in another order.
func badStreams(whole []byte) (streams map[string]io.Reader) {
	away := errors.New("connection reset")
	streams = map[string]io.Reader{
		"a byte more":               bytes.NewReader(append(bytes.Clone(whole), 0)),
		"twice":                     bytes.NewReader(slices.Concat(whole, whole)),
		"two records swapped":       bytes.NewReader(swapped(whole)),
		"broken off behind its end": io.MultiReader(bytes.NewReader(whole), iotest.ErrReader(away)),
	}
	for i := range whole {
		streams[fmt.Sprint("cut to ", i)] = bytes.NewReader(whole[:i])
		streams[fmt.Sprint("broken off at ", i)] = io.MultiReader(bytes.NewReader(whole[:i]), iotest.ErrReader(away))
		for bit := range 8 {
			flipped := bytes.Clone(whole)
			flipped[i] ^= 1 << bit
			streams[fmt.Sprint("bit ", bit, " of byte ", i)] = bytes.NewReader(flipped)
		}
	}
	return streams
}

func TestABadStreamChangesNothing(t *testing.T) {
	fs := vfs.NewCrashableMem()
	f := open(t, fs)
	if _, err := write(f, 17); err != nil {
		t.Fatal(err)
	}
	good := content(t, fs, f.Path(17))
	for _, sequence := range []uint64{17, 18} { // in the place of one that is there, and as a new one
		for name, stream := range badStreams(writtenBytes(t, sequence, 0)) {
			p, err := f.Receive(stream, anySnapshot)
			if err == nil || !strings.HasPrefix(err.Error(), "receiving a snapshot, at byte ") || p != (chain.Position{}) {
				t.Errorf("%s: %v, error %v", name, p, err)
			}
		}
		files, err := faulttest.Files(fs, "data/snapshots")
		if err != nil || !slices.Equal(files, []string{f.Path(17)}) || !bytes.Equal(content(t, fs, f.Path(17)), good) {
			t.Errorf("after all that there are %q, %v", files, err)
		}
	}
}

func TestABadStreamIsGivenUpAtTheRecordThatIsBad(t *testing.T) {
	whole := writtenBytes(t, 18, 20)
	whole[100_000] ^= 1
	rest := bytes.NewReader(whole)
	if _, err := open(t, vfs.NewMem()).Receive(rest, anySnapshot); err == nil || !strings.Contains(err.Error(), "checksum does not fit") {
		t.Errorf("error %v", err)
	}
	if rest.Len() < len(whole)/3 {
		t.Errorf("it was read on, to %d bytes before its end", rest.Len())
	}
}

// TestAPowerCutWhileASnapshotIsReceivedLeavesItWholeOrNotAtAll cuts the power before each step on the disk.
func TestAPowerCutWhileASnapshotIsReceivedLeavesItWholeOrNotAtAll(t *testing.T) {
	whole := writtenBytes(t, 18, 3)
	disk := vfs.NewCrashableMem()
	f := open(t, disk)
	if _, err := write(f, 17); err != nil {
		t.Fatal(err)
	}
	var cuts []*vfs.MemFS
	watched := open(t, faulttest.Watch(disk, func(errorfs.Op) error {
		cuts = append(cuts, faulttest.PowerCut(disk), faulttest.Killed(disk))
		for seed := range uint64(3) {
			cuts = append(cuts, faulttest.Torn(disk, 50, seed))
		}
		return nil
	}))
	if _, err := watched.Receive(bytes.NewReader(whole), anySnapshot); err != nil {
		t.Fatal(err)
	}
	cuts = append(cuts, faulttest.PowerCut(disk))
	newest := map[uint64]int{}
	for i, cut := range cuts {
		f := open(t, cut)
		sequences, err := f.Sequences()
		if err != nil || sequences[len(sequences)-1] != 17 || len(sequences) > 2 {
			t.Fatalf("after cut %d there are %v, %v", i, sequences, err)
		}
		newest[sequences[0]]++
		for _, sequence := range sequences {
			if _, _, err := read(f, sequence); err != nil {
				t.Fatalf("after cut %d: %v", i, err)
			}
		}
		if i == len(cuts)-1 && sequences[0] != 18 {
			t.Error("it was received, and is gone after a power cut")
		}
	}
	t.Logf("so many cuts by the newest snapshot that they leave: %v", newest)
	if newest[17] == 0 || newest[18] < 2 {
		t.Error("they are not all that there can be")
	}
}

// TestADiskThatFailsWhileASnapshotIsReceived fails each step on the disk once.
func TestADiskThatFailsWhileASnapshotIsReceived(t *testing.T) {
	whole := writtenBytes(t, 18, 3)
	for failing := 1; ; failing++ {
		disk := vfs.NewCrashableMem()
		armed, steps, last := false, 0, errorfs.Op{}
		f := open(t, faulttest.Watch(disk, func(op errorfs.Op) error {
			if !armed {
				return nil
			}
			if steps++; steps == failing && faulttest.Changes(op) {
				last = op
				return syscall.ENOSPC
			}
			return nil
		}))
		armed = true
		_, err := f.Receive(bytes.NewReader(whole), anySnapshot)
		if steps < failing {
			if failing < 10 || err != nil {
				t.Errorf("it took %d steps: %v", failing, err)
			}
			return
		}
		if last == (errorfs.Op{}) {
			continue
		}
		sequences, errList := f.Sequences()
		isLast := faulttest.Syncs(last) && last.Path == "data/snapshots"
		if !errors.Is(err, syscall.ENOSPC) || errList != nil || len(sequences) > 0 != isLast {
			t.Errorf("%s of %s failed: there are %v, error %v", faulttest.Name(last), last.Path, sequences, err)
		}
		if files, err := faulttest.Files(disk, "data/snapshots"); err != nil || len(files) > len(sequences) {
			t.Errorf("%s of %s failed: there is %q, %v", faulttest.Name(last), last.Path, files, err)
		}
		if p, err := f.Receive(bytes.NewReader(whole), anySnapshot); err != nil || p != position(18) {
			t.Errorf("and then it is refused: %v", err)
		}
	}
}

func TestWhatIsReceivedIsReadBackFromTheDisk(t *testing.T) {
	disk := vfs.NewMem()
	altering := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpOpen && strings.HasSuffix(op.Path, ".tmp") {
			b := content(t, disk, op.Path)
			b[len(b)-20] ^= 1 // as a disk would that does not keep what it was given
			put(t, disk, op.Path, b)
		}
		return nil
	}))
	f := open(t, altering)
	var corruption *snapshot.CorruptionError
	if _, err := f.Receive(bytes.NewReader(writtenBytes(t, 18, 1)), anySnapshot); !errors.As(err, &corruption) {
		t.Errorf("error %v", err)
	}
	if files, err := faulttest.Files(disk, "data/snapshots"); err != nil || len(files) > 0 {
		t.Errorf("there are %v, %v", files, err)
	}
}
