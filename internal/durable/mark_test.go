package durable_test

import (
	"errors"
	"io"
	"os"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/internal/durable"
	"meterledger/internal/faulttest"
)

func TestATemporaryNameCarriesTheMarkOfItsWriter(t *testing.T) {
	for _, c := range []struct {
		mark durable.Mark
		want string
	}{
		{durable.Mark{}, path + ".tmp"},
		{durable.Mark{Term: 7, Incarnation: 0xdeadbeef}, path + ".7-00000000deadbeef.tmp"},
	} {
		disk := diskWithOldFile(t)
		err := durable.ReplaceFile(disk, path, c.mark, put(newContent), func(temporary string) error {
			if temporary != c.want {
				t.Errorf("written as %s, want %s", temporary, c.want)
			}
			return nil
		})
		if err != nil || string(content(t, disk)) != string(newContent) {
			t.Errorf("%v: %v", c.mark, err)
		}
	}
}

// leave creates empty files.
func leave(t *testing.T, fs vfs.FS, names ...string) {
	t.Helper()
	for _, name := range names {
		f, err := fs.Create("folder/"+name, durable.Category)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheTemporaryFilesOfOthersAreRemovedAndNothingElse(t *testing.T) {
	disk := diskWithOldFile(t)
	kept := []string{
		"a.csv", "a.csv.7-00000000deadbeef", "a.txt.tmp", "a.csv.7-00000000deadbeef.tmp", "b.txt.3-0000000000000001.tmp", "a.csv.5-1.tmp", "a.csv.x.tmp", ".a.csv.AbCdEf", "PROBE",
	}
	leave(t, disk, kept...)
	leave(t, disk, "a.csv.tmp", "a.json.tmp", "a.csv.7-0000000000000001.tmp", "a.csv.6-00000000deadbeef.tmp", "b.json.70-00000000deadbeef.tmp", "PROBE.6-0000000000000001.tmp")
	own := durable.Mark{Term: 7, Incarnation: 0xdeadbeef}
	if err := durable.RemoveOthers(disk, "folder", own, ".csv", ".json"); err != nil {
		t.Fatal(err)
	}
	names, err := faulttest.PowerCut(disk).List("folder")
	if err != nil {
		t.Fatal(err)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == "file.csv" })
	slices.Sort(names)
	slices.Sort(kept)
	if !slices.Equal(names, kept) {
		t.Errorf("left %q, want %q", names, kept)
	}
}

func TestTheFolderIsChangedAndSyncedBeforeItIsListed(t *testing.T) {
	var did []string
	fs := faulttest.Watch(diskWithOldFile(t), func(op errorfs.Op) error {
		if op.Kind == errorfs.OpList || faulttest.Changes(op) {
			did = append(did, op.Path)
		}
		return nil
	})
	leave(t, fs, "a.csv.tmp")
	did = nil
	if err := durable.RemoveOthers(fs, "folder", durable.Mark{Term: 2, Incarnation: 1}, ".csv"); err != nil {
		t.Fatal(err)
	}
	const probe = "folder/PROBE.2-0000000000000001.tmp"
	if want := []string{probe, probe, "folder", "folder", "folder/a.csv.tmp", probe, "folder"}; !slices.Equal(did, want) {
		t.Errorf("touched %q, want %q", did, want)
	}
}

// TestWhatOthersRemovedIsNotRenamed is a writer that was held up: another one has removed what
// it had written.
func TestWhatOthersRemovedIsNotRenamed(t *testing.T) {
	disk := diskWithOldFile(t)
	err := durable.ReplaceFile(disk, path, durable.Mark{Term: 1, Incarnation: 1}, put(newContent), func(string) error {
		return durable.RemoveOthers(disk, "folder", durable.Mark{Term: 2, Incarnation: 2}, ".csv")
	})
	if !errors.Is(err, os.ErrNotExist) || string(content(t, disk)) != string(oldContent) {
		t.Errorf("renamed all the same: %v", err)
	}
}

func TestWhatVanishesWhileItIsRemovedIsNoError(t *testing.T) {
	disk := diskWithOldFile(t)
	fs := faulttest.Watch(disk, func(op errorfs.Op) error {
		if op.Kind == errorfs.OpRemove && op.Path == "folder/a.csv.tmp" {
			return disk.Remove(op.Path)
		}
		return nil
	})
	leave(t, disk, "a.csv.tmp")
	if err := durable.RemoveOthers(fs, "folder", durable.Mark{Term: 2, Incarnation: 1}, ".csv"); err != nil {
		t.Error(err)
	}
	failing := faulttest.Watch(disk, func(op errorfs.Op) error {
		if op.Kind == errorfs.OpList {
			return io.ErrUnexpectedEOF
		}
		return nil
	})
	if err := durable.RemoveOthers(failing, "folder", durable.Mark{Term: 2, Incarnation: 1}, ".csv"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a folder that cannot be listed: %v", err)
	}
}
