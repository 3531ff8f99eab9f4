package archive_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/internal/archive"
	"meterledger/internal/chain"
	"meterledger/internal/durable"
	"meterledger/internal/faulttest"
	"meterledger/internal/meter"
)

var (
	ours   = chain.ID{1, 2, 3}
	theirs = chain.ID{1, 2, 4}
)

// share returns a folder that nodes share.
func share(t *testing.T, fs vfs.FS) *archive.Folder {
	t.Helper()
	if err := archive.Share(fs, path, ours); err != nil {
		t.Fatal(err)
	}
	f, err := archive.OpenShared(fs, path, singapore(t), ours)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func goesOn() error { return nil }

var errTermOver = errors.New("the term is over")

func isOver() error { return errTermOver }

func TestAFolderIsOpenedByThoseAloneWhoseMarkItHas(t *testing.T) {
	for name, c := range map[string]struct {
		mark          func(fs vfs.FS) error
		alone, shared string // what the error says, or "" if there is none
	}{
		"none":            {func(fs vfs.FS) error { return durable.MakeFolder(fs, path) }, "", "has no file CLUSTER"},
		"no folder":       {func(vfs.FS) error { return nil }, "", "has no file CLUSTER"},
		"ours":            {func(fs vfs.FS) error { return archive.Share(fs, path, ours) }, "shared by several nodes", ""},
		"another journal": {func(fs vfs.FS) error { return archive.Share(fs, path, theirs) }, "shared by several nodes", "of another journal"},
		"cut off": {func(fs vfs.FS) error {
			f, err := fs.Create(path+"/CLUSTER", durable.Category)
			return errors.Join(err, f.Close())
		}, "shared by several nodes", "of another journal"},
		"a folder": {func(fs vfs.FS) error { return durable.MakeFolder(fs, path+"/CLUSTER") }, "is not a regular file", "is not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewCrashableMem()
			if name != "no folder" {
				if err := durable.MakeFolder(fs, path); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.mark(fs); err != nil {
				t.Fatal(err)
			}
			_, err := archive.OpenShared(fs, path, singapore(t), ours)
			if !says(err, c.shared) {
				t.Errorf("shared: %v", err)
			}
			if _, err := fs.Stat(path); name == "no folder" && err == nil {
				t.Error("a folder was made where the nodes' disk is not mounted")
			}
			if _, err = archive.OpenFolder(fs, path, singapore(t)); !says(err, c.alone) {
				t.Errorf("alone: %v", err)
			}
		})
	}
}

// says reports whether an error says something; no error says "".
func says(err error, text string) bool {
	if err == nil || text == "" {
		return err == nil && text == ""
	}
	return strings.Contains(err.Error(), text)
}

func TestTheMarkIsNotCopiedIntoABackup(t *testing.T) {
	fs := vfs.NewMem()
	if err := share(t, fs).CopyTo("copy"); err != nil {
		t.Fatal(err)
	}
	if _, err := archive.OpenFolder(fs, "copy", singapore(t)); err != nil {
		t.Error(err)
	}
}

// TestOpeningASharedFolderLeavesItAsItIs: what is being written there is another node's.
func TestOpeningASharedFolderLeavesItAsItIs(t *testing.T) {
	disk := vfs.NewMem()
	share(t, disk)
	_, err := archive.OpenShared(faulttest.Watch(disk, func(op errorfs.Op) error {
		if faulttest.Changes(op) {
			t.Errorf("%s of %s", faulttest.Name(op), op.Path)
		}
		return nil
	}), path, singapore(t), ours)
	if err != nil {
		t.Error(err)
	}
}

// writers writes each kind of file that there is in the folder.
var writers = map[string]func(f *archive.Folder) error{
	"an archive": func(f *archive.Folder) error {
		_, err := f.Write(name, sourceOf(readings{}), archive.Writing{
			Each: func(archive.Rows) error { return nil }, Reserve: func(int) error { return nil }, Pace: func() {},
			Intend: func(archive.Written) error { return nil },
		})
		return err
	},
	"a manifest": func(f *archive.Folder) error {
		return f.WriteManifest(f.NewManifest(path+"/"+name, archive.Written{}, "v", time.Unix(1_800_000_000, 0)))
	},
	"the accounts": func(f *archive.Folder) error {
		_, err := f.WriteBeside(archive.AccountsName, archive.AccountsContent(func(func(meter.Account, error) bool) {}), archive.Writing{
			Reserve: func(int) error { return nil }, Intend: func(archive.Written) error { return nil },
		})
		return err
	},
}

var (
	first  = durable.Mark{Term: 1, Incarnation: 0xa}
	second = durable.Mark{Term: 2, Incarnation: 0xb}
)

func TestTheOrderIsAskedOnceBetweenAWholeFileAndItsRename(t *testing.T) {
	for what, write := range writers {
		t.Run(what, func(t *testing.T) {
			fs := vfs.NewMem()
			f := share(t, fs)
			if err := write(f.In(first, isOver)); !errors.Is(err, errTermOver) {
				t.Errorf("written: %v", err)
			}
			if left := listed(t, fs); !slices.Equal(left, []string{"CLUSTER"}) {
				t.Errorf("the folder holds %q", left)
			}
			var held []string
			err := write(f.In(second, func() error {
				held = append(held, listed(t, fs)[1:]...)
				return nil
			}))
			if left := listed(t, fs); err != nil || len(left) != 2 || !slices.Equal(held, []string{left[1] + ".2-000000000000000b.tmp"}) {
				t.Errorf("the folder held %q and holds %q, %v", held, left, err)
			}
		})
	}
}

// TestWhatANewTermTidiedAwayDoesNotTakeItsPlace: the writer is held up after the order has
// told it that its term goes on.
func TestWhatANewTermTidiedAwayDoesNotTakeItsPlace(t *testing.T) {
	for what, write := range writers {
		for _, compress := range []bool{false, true} {
			t.Run(what, func(t *testing.T) {
				fs := vfs.NewMem()
				f := share(t, fs)
				f.Compress = compress
				err := write(f.In(first, func() error { return f.In(second, goesOn).Tidy() }))
				if left := listed(t, fs); !errors.Is(err, os.ErrNotExist) || !slices.Equal(left, []string{"CLUSTER"}) {
					t.Errorf("the folder holds %q, %v", left, err)
				}
			})
		}
	}
}

func TestATermThatIsOverTidiesNothing(t *testing.T) {
	fs := vfs.NewMem()
	f := share(t, fs)
	if _, err := fs.Create(path+"/"+name+".2-000000000000000b.tmp", durable.Category); err != nil {
		t.Fatal(err)
	}
	if err := f.In(first, isOver).Tidy(); !errors.Is(err, errTermOver) || len(listed(t, fs)) != 2 {
		t.Errorf("%v, the folder holds %q", err, listed(t, fs))
	}
}

func TestAFolderThatCannotBeTidiedMayComeBack(t *testing.T) {
	disk := vfs.NewMem()
	share(t, disk)
	fs := faulttest.Watch(disk, func(op errorfs.Op) error {
		if op.Kind == errorfs.OpList {
			return errors.New("input/output error")
		}
		return nil
	})
	f, err := archive.OpenShared(fs, path, singapore(t), ours)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.In(first, goesOn).Tidy(); meter.CodeOf(err) != meter.CodeArchiveUnavailable {
		t.Error(err)
	}
}

// listed returns the names in the folder, in order.
func listed(t *testing.T, fs vfs.FS) []string {
	t.Helper()
	names, err := fs.List(path)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}
