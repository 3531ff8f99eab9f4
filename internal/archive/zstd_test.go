package archive_test

import (
	"bytes"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/klauspost/compress/zstd"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
)

// compressed writes a month of some meters as zstd.
func compressed(t testing.TB, disk vfs.FS, meters int) (f *archive.Folder, w meter.Window, written archive.Written) {
	t.Helper()
	z := singapore(t)
	w = z.MonthWindow(november)
	f = openFolder(t, disk, z)
	f.Compress = true
	written, err := f.Write(name, &households{window: w, left: meters}, steps())
	if err != nil {
		t.Fatal(err)
	}
	return f, w, written
}

func TestACompressedArchiveIsTheCSVForAnyReaderOfZstd(t *testing.T) {
	disk := vfs.NewMem()
	f, w, written := compressed(t, disk, 100)
	if names, err := disk.List(path); err != nil || !slices.Equal(names, []string{name + ".zst"}) {
		t.Errorf("the folder holds %q, %v", names, err)
	}
	file := textOf(t, f, name) // as it stands on the disk
	if sum := sha256.Sum256([]byte(file)); sum != written.SHA256 || int64(len(file)) != written.Bytes {
		t.Errorf("what was written has %d bytes and hash %x, the file %d and %x", written.Bytes, written.SHA256, len(file), sum)
	}
	decoder, err := zstd.NewReader(strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	text, err := io.ReadAll(decoder)
	if err != nil {
		t.Fatal(err)
	}
	plain := openFolder(t, vfs.NewMem(), singapore(t))
	if _, err := plain.Write(name, &households{window: w, left: 100}, steps()); err != nil {
		t.Fatal(err)
	}
	if string(text) != textOf(t, plain, name) {
		t.Error("it is another text than the plain archive")
	}
	if len(file)*3 > len(text) {
		t.Errorf("%d bytes became %d", len(text), len(file))
	}
}

func TestACompressedArchiveIsTheSameHoweverManyCoresMakeIt(t *testing.T) {
	const meters = 200 // some 20 frames
	one, w := madeBy(t, 1, meters, nil)
	for _, cores := range []int{2, 3, 8} {
		var asked atomic.Int64
		for how, isAlone := range map[string]func() bool{
			"alone": func() bool { return true }, "with others": nil, "in turn": func() bool { return asked.Add(1)%2 == 0 },
		} {
			f, _ := madeBy(t, cores, meters, isAlone)
			if textOf(t, f, name) != textOf(t, one, name) {
				t.Errorf("it is another file if %d make it, %s", cores, how)
			}
			if err := f.Searchable(name); err != nil {
				t.Errorf("made by %d, %s: %v", cores, how, err)
			}
			if found, err := f.FindMeter(name, householdID(meters-1), w, nil); err != nil || len(found) != w.Points()-1 {
				t.Errorf("made by %d, %s: the last meter has %d points, %v", cores, how, len(found), err)
			}
		}
		if asked.Load() < 10 {
			t.Errorf("it was asked %d times whether it is alone, want once a frame", asked.Load())
		}
	}
}

// madeBy writes a compressed month on so many cores.
func madeBy(t *testing.T, cores, meters int, isAlone func() bool) (f *archive.Folder, w meter.Window) {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
	f = openFolder(t, vfs.NewMem(), singapore(t))
	f.Compress = true
	w = singapore(t).MonthWindow(november)
	writing := steps()
	writing.IsAlone = isAlone
	if _, err := f.Write(name, &households{window: w, left: meters}, writing); err != nil {
		t.Fatal(err)
	}
	return f, w
}

func TestTheOtherFormOfAnArchiveIsReplaced(t *testing.T) {
	disk := vfs.NewMem()
	z := singapore(t)
	w := z.MonthWindow(november)
	f := openFolder(t, disk, z)
	model := readings{"A": {{Slot: w.From, Register: kwh(t, "7")}}}
	for i, compress := range []bool{false, true, false} {
		f.Compress = compress
		write(t, f, name, model)
		wantFound(t, f, "A", model["A"], w)
		want := name
		if compress {
			want += ".zst"
		}
		if names, err := disk.List(path); err != nil || !slices.Equal(names, []string{want}) {
			t.Errorf("%d: the folder holds %q, %v", i, names, err)
		}
		if files, err := f.Files(); err != nil || !slices.Equal(files, []string{name}) {
			t.Errorf("%d: the files are %q, %v", i, files, err)
		}
	}
}

func TestDamageToACompressedArchiveIsNoticedOrHarmless(t *testing.T) {
	disk := vfs.NewMem()
	f, w, written := compressed(t, disk, 12)
	file := []byte(textOf(t, f, name))
	var points []meter.Point
	want := make([][]meter.Point, 12)
	for n := range want {
		found, err := f.FindMeter(name, householdID(n), w, nil)
		if err != nil {
			t.Fatal(err)
		}
		want[n] = found
	}
	random := rand.New(rand.NewPCG(1, 2))
	noticed := 0
	for range 200 {
		damaged := bytes.Clone(file)
		bit := random.IntN(8 * len(damaged))
		if random.IntN(3) == 0 { // the index has few bytes
			bit = 8*len(damaged) - 1 - random.IntN(8*150)
		}
		damaged[bit/8] ^= 1 << (bit % 8)
		put(t, disk, name+".zst", string(damaged))
		for n := range want {
			found, err := f.FindMeter(name, householdID(n), w, points[:0])
			switch {
			case err != nil:
				noticed++
			case !slices.Equal(found, want[n]):
				t.Fatalf("bit %d: meter %d has %d points, wanted %d", bit, n, len(found), len(want[n]))
			}
		}
		reader, err := f.Read(name)
		for err == nil {
			_, err = reader.Next()
		}
		if err == io.EOF && reader.SHA256() == written.SHA256 {
			t.Fatalf("bit %d: the damage is not seen by the hash", bit)
		}
	}
	if noticed == 0 {
		t.Error("nothing was noticed")
	}
}

func TestACompressedArchiveThatIsCutOffIsNotWhole(t *testing.T) {
	disk := vfs.NewMem()
	f, w, written := compressed(t, disk, 30)
	file := textOf(t, f, name)
	for _, length := range []int{0, 3, 100, len(file) / 2, len(file) - 1} {
		put(t, disk, name+".zst", file[:length])
		reader, err := f.Read(name)
		for err == nil {
			_, err = reader.Next()
		}
		if err == io.EOF && reader.SHA256() == written.SHA256 {
			t.Errorf("the first %d of %d bytes pass for the file", length, len(file))
		}
		if _, err := f.FindMeter(name, householdID(3), w, nil); err == nil {
			t.Errorf("a meter is looked for in the first %d of %d bytes", length, len(file))
		}
	}
}

func BenchmarkFindMeterCompressed(b *testing.B) {
	const meters = 10_000
	f, w, written := compressed(b, vfs.NewMem(), meters)
	points := make([]meter.Point, 0, w.Points())
	n := 0
	for b.Loop() {
		n = (n + 7919) % meters
		found, err := f.FindMeter(name, householdID(n), w, points)
		if err != nil || len(found) != w.Points()-1 {
			b.Fatalf("%d points, %v", len(found), err)
		}
	}
	b.ReportMetric(float64(written.Bytes)/float64(written.Rows), "B/row")
}

func BenchmarkPreviewCompressed(b *testing.B) {
	z := singapore(b)
	w := z.MonthWindow(november)
	f := openFolder(b, vfs.NewMem(), z)
	f.Compress = true
	rows := uint64(0)
	for b.Loop() {
		written, err := f.Preview(&households{window: w, left: 2000}, steps().Each)
		if err != nil {
			b.Fatal(err)
		}
		rows += written.Rows
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}
