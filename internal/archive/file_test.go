package archive_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
)

// replacingDisk is a disk on which a file is replaced just when it is opened to be read.
type replacingDisk struct {
	vfs.FS
	place   int // when: 0 is right before the first opening, 1 right after it, 2 before the second
	replace func()
}

func (d *replacingDisk) Open(path string, o ...vfs.OpenOption) (vfs.File, error) {
	d.pass()
	file, err := d.FS.Open(path, o...)
	d.pass()
	return file, err
}

func (d *replacingDisk) pass() {
	if d.place--; d.place == -1 && d.replace != nil {
		d.replace()
	}
}

func TestAFileIsReadInTheFormThatWasOpenedWhateverTakesItsPlace(t *testing.T) {
	z := singapore(t)
	w := z.MonthWindow(november)
	model := readings{"A": {{Slot: w.From, Register: kwh(t, "7")}, {Slot: w.From + 1, Register: kwh(t, "8")}}}
	for _, compressed := range []bool{false, true} {
		for question, ask := range map[string]func(f *archive.Folder) readings{
			"a meter": func(f *archive.Folder) readings {
				points, err := f.FindMeter(name, "A", w, nil)
				if err != nil {
					t.Error(err)
				}
				return readings{"A": points}
			},
			"all": func(f *archive.Folder) readings {
				r, err := f.Read(name)
				if err != nil {
					t.Error(err)
					return nil
				}
				defer r.Close()
				return collect(t, r)
			},
			"the text": func(f *archive.Folder) readings {
				text, err := f.OpenText(name)
				if err != nil {
					t.Error(err)
					return nil
				}
				defer text.Close()
				if all, err := io.ReadAll(text); err != nil || !strings.HasPrefix(string(all), meter.RowHeader+"\nA,") {
					t.Errorf("the text is %q, %v", all, err)
				}
				return model
			},
		} {
			for place := range 6 {
				disk := &replacingDisk{FS: vfs.NewMem()}
				f := openFolder(t, disk, z)
				f.Compress = compressed
				write(t, f, name, model)
				run := openFolder(t, disk.FS, z)
				run.Compress = !compressed
				disk.place, disk.replace = place, func() { write(t, run, name, model) }
				if got := ask(f); !equal(got, model) {
					t.Errorf("compressed %v, replaced at %d: asked for %s, got %v", compressed, place, question, got)
				}
			}
		}
	}
}

func TestAPlainFileIsFoundToBeLeftOnlyBesideACompressedOne(t *testing.T) {
	disk := vfs.NewMem()
	z := singapore(t)
	f := openFolder(t, disk, z)
	wantLeft := func(want bool) {
		t.Helper()
		if _, there, err := f.Left(name); there != want || err != nil {
			t.Errorf("left: %v, %v", there, err)
		}
	}
	wantLeft(false)
	put(t, disk, name, good)
	wantLeft(false)
	plain, size, err := f.Stat(name)
	if err != nil || size != int64(len(good)) || plain != f.Path(name) {
		t.Errorf("it is at %s with %d bytes, %v", plain, size, err)
	}
	f.Compress = true
	write(t, f, name, readings{})
	wantLeft(false)
	put(t, disk, name, good)
	wantLeft(true)
	if path, _, err := f.Stat(name); err != nil || path != plain+".zst" {
		t.Errorf("it is at %s, %v", path, err)
	}
	if names, err := f.Files(); err != nil || !slices.Equal(names, []string{name}) {
		t.Errorf("the files are %q, %v", names, err)
	}
	if path, _, err := f.Stat("monthly_2020-01.csv"); !errors.Is(err, archive.ErrMissing) || path != strings.Replace(plain, "2026-11", "2020-01", 1) {
		t.Errorf("a missing one is at %s, %v", path, err)
	}
}
