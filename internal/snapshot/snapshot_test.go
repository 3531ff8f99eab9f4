package snapshot_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/internal/chain"
	"meterledger/internal/snapshot"
)

func open(t *testing.T, fs vfs.FS) *snapshot.Folder {
	t.Helper()
	f, err := snapshot.OpenFolder(fs, "data/snapshots")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func position(sequence uint64) chain.Position {
	return chain.Position{Journal: [16]byte{1, 2, 3}, Sequence: sequence, Hash: [32]byte{9, 8, 7}}
}

var records = []string{"one", strings.Repeat("two", 100_000), "\x00"}

func write(f *snapshot.Folder, sequence uint64) (int64, error) {
	return f.Write(position(sequence), func(emit func([]byte) error) error {
		for _, record := range records {
			if err := emit([]byte(record)); err != nil {
				return err
			}
		}
		return nil
	})
}

func read(f *snapshot.Folder, sequence uint64) (p chain.Position, got []string, err error) {
	p, err = f.Read(sequence, func(records [][]byte, done, total int64) error {
		if done > total {
			return fmt.Errorf("%d of %d bytes", done, total)
		}
		for _, record := range records {
			got = append(got, string(record))
		}
		return nil
	})
	return p, got, err
}

func TestASnapshotIsReadAsItWasWritten(t *testing.T) {
	f := open(t, vfs.NewMem())
	size, err := write(f, 17)
	if err != nil {
		t.Fatal(err)
	}
	p, got, err := read(f, 17)
	if err != nil || p != position(17) || !slices.Equal(got, records) {
		t.Errorf("read %d records at %v, %v", len(got), p, err)
	}
	if want := int64(64 + 3*8 + 300_004 + 8); size != want {
		t.Errorf("size %d, want %d", size, want)
	}
}

func TestTheNewestComeFirstAndOnlyThoseAreKeptThatShall(t *testing.T) {
	fs := vfs.NewMem()
	f := open(t, fs)
	for _, sequence := range []uint64{9, 10, 100, 99} {
		if _, err := write(f, sequence); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"x.snapshot", "00000000000000000007.snapshot.tmp", "README"} {
		file, err := fs.Create("data/snapshots/"+name, "test")
		if err = errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := f.Sequences(); err != nil || !slices.Equal(all, []uint64{100, 99, 10, 9}) {
		t.Errorf("there are %v, %v", all, err)
	}
	if err := f.Keep(99, 100); err != nil {
		t.Fatal(err)
	}
	if all, err := open(t, fs).Sequences(); err != nil || !slices.Equal(all, []uint64{100, 99}) {
		t.Errorf("kept are %v, %v", all, err)
	}
	if names, _ := fs.List("data/snapshots"); slices.Contains(names, "00000000000000000007.snapshot.tmp") {
		t.Error("what a crash left is still there")
	}
}

// TestNoDamageIsTakenForASnapshot alters every byte, cuts at every length and adds one.
func TestNoDamageIsTakenForASnapshot(t *testing.T) {
	records = []string{"one", "two and a half", "\x00"}
	fs := vfs.NewMem()
	f := open(t, fs)
	if _, err := write(f, 17); err != nil {
		t.Fatal(err)
	}
	whole := content(t, fs, f.Path(17))
	damage := map[string][]byte{"longer": append(bytes.Clone(whole), 0)}
	for i := range whole {
		damage[fmt.Sprint("cut to ", i)] = whole[:i]
		for bit := range 8 {
			flipped := bytes.Clone(whole)
			flipped[i] ^= 1 << bit
			damage[fmt.Sprint("bit ", bit, " of byte ", i)] = flipped
		}
	}
	damage["two records swapped"] = swapped(whole)
	for what, b := range damage {
		put(t, fs, f.Path(17), b)
		_, _, err := read(f, 17)
		var corruption *snapshot.CorruptionError
		if !errors.As(err, &corruption) || corruption.File != f.Path(17) || corruption.Offset > int64(len(whole)) {
			t.Errorf("%s: error %v", what, err)
		}
	}
	put(t, fs, f.Path(18), whole)
	if _, _, err := read(f, 18); err == nil {
		t.Error("a snapshot under another's name was taken")
	}
}

func swapped(whole []byte) []byte {
	const header, frame = 64, 8
	one, two := len("one")+frame, len("two and a half")+frame
	b := bytes.Clone(whole[:header])
	b = append(b, whole[header+one:header+one+two]...)
	b = append(b, whole[header:header+one]...)
	return append(b, whole[header+one+two:]...)
}

func TestAFailedWriteLeavesTheSnapshotOfBefore(t *testing.T) {
	broken := errors.New("the state cannot be read")
	f := open(t, vfs.NewMem())
	if _, err := write(f, 17); err != nil {
		t.Fatal(err)
	}
	_, err := f.Write(position(18), func(emit func([]byte) error) error {
		return errors.Join(emit([]byte("half")), broken)
	})
	if !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	if all, err := f.Sequences(); err != nil || !slices.Equal(all, []uint64{17}) {
		t.Errorf("there are %v, %v", all, err)
	}
}

func TestASnapshotThatIsReadBackAlteredIsRemoved(t *testing.T) {
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
	if _, err := write(f, 17); !errors.As(err, &corruption) {
		t.Errorf("error %v", err)
	}
	if all, err := f.Sequences(); err != nil || len(all) > 0 {
		t.Errorf("there are %v, %v", all, err)
	}
}

func content(t *testing.T, fs vfs.FS, path string) []byte {
	t.Helper()
	file, err := fs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	stat, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, stat.Size())
	if _, err := file.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	return b
}

func put(t *testing.T, fs vfs.FS, path string, b []byte) {
	t.Helper()
	file, err := fs.Create(path, "test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write(bytes.Clone(b)); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestARecordThatIsTooLongIsAnErrorOfItsSnapshotAlone(t *testing.T) {
	f := open(t, vfs.NewMem())
	if _, err := write(f, 17); err != nil {
		t.Fatal(err)
	}
	_, err := f.Write(position(18), func(emit func([]byte) error) error { return emit(make([]byte, snapshot.RecordBytesMax+1)) })
	if err == nil || !strings.Contains(err.Error(), "16777217 bytes") {
		t.Errorf("error %v", err)
	}
	if sequences, err := f.Sequences(); err != nil || !slices.Equal(sequences, []uint64{17}) {
		t.Errorf("the snapshots are %v, %v", sequences, err)
	}
}

// TestRecordsOfAnySizeAreHandedOutInTheirOrder mixes records that fill what is read at once, do not fit into it, and end
// with it.
func TestRecordsOfAnySizeAreHandedOutInTheirOrder(t *testing.T) {
	f := open(t, vfs.NewMem())
	draw := rand.New(rand.NewPCG(1, 2))
	var want [][]byte
	for _, largest := range []int{3 << 20, 40, 1 << 20, 30_000, 3 << 20, 300_000} {
		for range 20 {
			record := make([]byte, 1+draw.IntN(largest))
			record[0], record[len(record)/2], record[len(record)-1] = byte(draw.Int()), byte(draw.Int()), byte(draw.Int())
			want = append(want, record)
		}
	}
	_, err := f.Write(position(17), func(emit func([]byte) error) (err error) {
		for _, record := range want {
			err = errors.Join(err, emit(bytes.Clone(record))) // the disk in memory may alter what it was given
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	_, got, err := read(f, 17)
	if err != nil || len(got) != len(want) {
		t.Fatalf("read %d records of %d, %v", len(got), len(want), err)
	}
	for i := range want {
		if got[i] != string(want[i]) {
			t.Errorf("record %d of %d bytes is another one", i, len(want[i]))
		}
	}
}

// TestAReaderThatRefusesIsAskedNoMore refuses at each call in turn.
func TestAReaderThatRefusesIsAskedNoMore(t *testing.T) {
	f := open(t, vfs.NewMem())
	_, err := f.Write(position(17), func(emit func([]byte) error) (err error) {
		for range 30 {
			err = errors.Join(err, emit(make([]byte, 300_000)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	refused := errors.New("refused")
	for last := 1; ; last++ {
		calls := 0
		_, err := f.Read(17, func([][]byte, int64, int64) error {
			if calls++; calls == last {
				return refused
			}
			return nil
		})
		if err == nil && calls == last-1 && calls > 5 {
			return
		}
		if !errors.Is(err, refused) || calls != last {
			t.Fatalf("after %d calls: error %v", calls, err)
		}
	}
}
