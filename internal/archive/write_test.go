package archive_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/archive"
)

// forgetful is a disk that keeps other bytes than it was given.
type forgetful struct{ vfs.FS }

func (f *forgetful) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, category)
	return &forgetfulFile{file}, err
}

type forgetfulFile struct{ vfs.File }

func (f *forgetfulFile) Write(b []byte) (int, error) {
	other := slices.Clone(b)
	other[len(other)/2] ^= 1
	return f.File.Write(other)
}

// inBothForms runs a test of writing plain files and of writing compressed ones.
func inBothForms(t *testing.T, test func(t *testing.T, compress bool)) {
	for form, compress := range map[string]bool{"plain": false, "compressed": true} {
		t.Run(form, func(t *testing.T) { test(t, compress) })
	}
}

func TestAFileThatReadsBackOtherwiseTakesNoPlace(t *testing.T) {
	inBothForms(t, func(t *testing.T, compress bool) {
		disk := vfs.NewMem()
		z := singapore(t)
		f := openFolder(t, &forgetful{disk}, z)
		f.Compress = compress
		put(t, disk, name, good)
		writing := steps()
		writing.Intend = func(archive.Written) error { t.Error("it was about to take the old one's place"); return nil }
		w := z.MonthWindow(november)
		_, err := f.Write(name, sourceOf(readings{"A": {{Slot: w.From, Register: kwh(t, "7")}}}), writing)
		if err == nil || !strings.Contains(err.Error(), "reads back otherwise") {
			t.Errorf("error %v", err)
		}
		wantOnly(t, disk, f)
	})
}

// wantOnly wants the old file in the folder and nothing beside it.
func wantOnly(t tester, disk vfs.FS, f *archive.Folder) {
	t.Helper()
	if names, err := disk.List(path); err != nil || !slices.Equal(names, []string{name}) {
		t.Fatalf("the folder holds %v, %v", names, err)
	}
	if text := textOf(t, f, name); text != good {
		t.Fatalf("the old file is %q now", text)
	}
}

func TestADiskWithoutRoomEndsTheWritingAndLeavesNothing(t *testing.T) {
	full := errors.New("no room")
	inBothForms(t, func(t *testing.T, compress bool) {
		writing := steps()
		left := 1 << 20
		writing.Reserve = func(bytes int) error {
			if left -= bytes; left < 0 {
				return full
			}
			return nil
		}
		wantNothingLeft(t, compress, writing, full)
	})
}

func TestACallerThatGivesUpEndsTheWritingAndLeavesNothing(t *testing.T) {
	givenUp := errors.New("no more")
	inBothForms(t, func(t *testing.T, compress bool) {
		writing := steps()
		meters := 0
		writing.Each = func(archive.Rows) error {
			if meters++; meters > 100 {
				return givenUp
			}
			return nil
		}
		wantNothingLeft(t, compress, writing, givenUp)
	})
}

// wantNothingLeft wants the writing of a file to fail, and nothing of it to be left on the disk or
// to run on.
func wantNothingLeft(t *testing.T, compress bool, writing archive.Writing, want error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { // which ends when all goroutines have
		disk := vfs.NewMem()
		z := singapore(t)
		f := openFolder(t, disk, z)
		f.Compress = compress
		put(t, disk, name, good)
		if _, err := f.Write(name, &households{window: z.MonthWindow(november), left: 500}, writing); !errors.Is(err, want) {
			t.Errorf("error %v", err)
		}
		wantOnly(t, disk, f)
	})
}

func TestWhatWasWrittenIsCounted(t *testing.T) {
	z := singapore(t)
	w := z.MonthWindow(november)
	f := openFolder(t, vfs.NewMem(), z)
	model := readings{
		"A": {{Slot: w.From + 3}, {Slot: w.From + 5}},
		"B": {{Slot: w.From + 1}},
		"C": {{Slot: w.From + 2}, {Slot: w.From + 4}},
	}
	got := write(t, f, name, model)
	if got.Rows != 5 || got.Meters != 3 || got.First != w.From+1 || got.Last != w.From+5 || got.Bytes != int64(len(textOf(t, f, name))) {
		t.Errorf("written was %+v", got)
	}
	preview, err := f.Preview(sourceOf(model), steps().Each)
	if err != nil || preview != got {
		t.Errorf("foreseen was %+v, %v", preview, err)
	}
}

func TestAManifestSaysWhatItsFileHolds(t *testing.T) {
	disk := vfs.NewMem()
	z := singapore(t)
	w := z.MonthWindow(november)
	f := openFolder(t, disk, z)
	if _, err := f.Manifest(name); !errors.Is(err, archive.ErrMissing) {
		t.Errorf("without one: %v", err)
	}
	written := write(t, f, name, readings{"A": {{Slot: w.From}, {Slot: w.To - 1}}})
	if err := f.WriteManifest(f.NewManifest(name, written, "1.2.3", time.Unix(1_800_000_000, 5))); err != nil {
		t.Fatal(err)
	}
	m, err := f.Manifest(name)
	if err != nil {
		t.Fatal(err)
	}
	if m.Period != november.Period() || m.File != name || m.Rows != 2 || m.Meters != 1 || *m.First != "2026-11-01T00:00:00" ||
		*m.Last != "2026-11-30T23:30:00" || m.Bytes != written.Bytes || m.Version != "1.2.3" || m.WrittenAt.Unix() != 1_800_000_000 {
		t.Errorf("the manifest is %+v", m)
	}
	if !m.Describes(2, written.SHA256) || m.Describes(3, written.SHA256) || m.Describes(2, [32]byte{}) {
		t.Error("it describes another file")
	}
	put(t, disk, "monthly_2026-11.json", "{")
	if _, err := f.Manifest(name); err == nil || !strings.Contains(err.Error(), "manifest of "+name) {
		t.Errorf("a damaged one: %v", err)
	}
	for _, other := range []string{`{"file":"other.csv"}`, "root:x:0:0"} { // what its name links to is not told
		put(t, disk, "monthly_2026-11.json", other)
		if _, err := f.Manifest(name); !errors.Is(err, archive.ErrBadManifest) || err.Error() != "the manifest of "+name+" is damaged" {
			t.Errorf("%s in its place: %v", other, err)
		}
	}
}

func TestAnEmptyArchiveHasNoFirstAndLast(t *testing.T) {
	z := singapore(t)
	f := openFolder(t, vfs.NewMem(), z)
	written := write(t, f, name, readings{})
	if m := f.NewManifest(name, written, "", time.Time{}); m.First != nil || m.Last != nil || m.Rows != 0 {
		t.Errorf("the manifest is %+v", m)
	}
}
