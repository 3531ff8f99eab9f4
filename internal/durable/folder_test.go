package durable_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/internal/durable"
)

func TestAFolderThatWasMadeSurvivesAPowerCut(t *testing.T) {
	for _, folder := range []string{"data", "srv/meters/data"} {
		disk := vfs.NewCrashableMem()
		if err := durable.MakeFolder(disk, folder); err != nil {
			t.Fatal(err)
		}
		if stat, err := disk.CrashClone(vfs.CrashCloneCfg{}).Stat(folder); err != nil || !stat.IsDir() {
			t.Errorf("after a power cut folder %s: %v", folder, err)
		}
	}
}

func TestAFolderThatACrashLeftUnsyncedIsSyncedBeforeItIsUsed(t *testing.T) {
	disk := vfs.NewCrashableMem()
	if err := disk.MkdirAll("data", 0o755); err != nil { // as a process did that was killed next
		t.Fatal(err)
	}
	if err := durable.MakeFolder(disk, "data"); err != nil {
		t.Fatal(err)
	}
	if _, err := disk.CrashClone(vfs.CrashCloneCfg{}).Stat("data"); err != nil {
		t.Errorf("after a power cut: %v", err)
	}
}

func TestMakingAFolderThatIsThereKeepsWhatIsInIt(t *testing.T) {
	disk := diskWithOldFile(t)
	if err := durable.MakeFolder(disk, "folder"); err != nil {
		t.Fatal(err)
	}
	if len(content(t, disk)) != len(oldContent) {
		t.Error("the file in it was touched")
	}
}

func TestAFailureWhileMakingAFolderIsToldOrMended(t *testing.T) {
	for nth := 1; ; nth++ {
		disk := vfs.NewCrashableMem()
		fs, failed := failing(disk, nth)
		err := durable.MakeFolder(fs, "data")
		if !*failed {
			return
		}
		if err != nil && !errors.Is(err, errorfs.ErrInjected) {
			t.Errorf("operation %d failed, MakeFolder said %v", nth, err)
		}
		if _, lost := disk.CrashClone(vfs.CrashCloneCfg{}).Stat("data"); err == nil && lost != nil {
			t.Errorf("operation %d failed, MakeFolder said nothing, and after a power cut: %v", nth, lost)
		}
	}
}

func TestAFileInTheFoldersPlaceIsAnError(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := durable.MakeFolder(vfs.Default, filepath.Join(file, "data")); err == nil || !strings.Contains(err.Error(), "file") {
		t.Errorf("under a file: error %v", err)
	}
	if err := durable.MakeFolder(vfs.Default, file); err == nil {
		t.Error("a file was taken for the folder")
	}
}

func TestSyncingAFolderMakesItsNamesSurvive(t *testing.T) {
	disk := diskWithOldFile(t)
	f, err := disk.Create("folder/other", durable.Category)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := durable.SyncFolder(disk, "folder"); err != nil {
		t.Fatal(err)
	}
	if _, err := disk.CrashClone(vfs.CrashCloneCfg{}).Stat("folder/other"); err != nil {
		t.Errorf("after a power cut: %v", err)
	}
	if err := durable.SyncFolder(disk, "nowhere"); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("a missing folder: error %v", err)
	}
}

// TestTwoProgramsThatMakeOneFolderMixNothing has two nodes put a backup of one name into a folder that both have mounted.
func TestTwoProgramsThatMakeOneFolderMixNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "backup")
	put := func(text string) func(string) error {
		return func(temporary string) error { return os.WriteFile(filepath.Join(temporary, text), nil, 0o600) }
	}
	begun, whole, second := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	err := durable.WriteFolder(vfs.Default, path, "a", func(temporary string) error {
		if err := put("of a")(temporary); err != nil {
			return err
		}
		go func() {
			second <- durable.WriteFolder(vfs.Default, path, "b", func(temporary string) error {
				defer close(begun)
				return put("of b")(temporary)
			})
			close(whole)
		}()
		<-begun
		return nil
	})
	<-whole
	names, listed := vfs.Default.List(path)
	left, _ := vfs.Default.List(filepath.Dir(path))
	other := <-second
	if (err == nil) == (other == nil) || err != nil && !errors.Is(err, os.ErrExist) || other != nil && !errors.Is(other, os.ErrExist) {
		t.Errorf("one is answered %v, the other %v", err, other)
	}
	want := "of a"
	if err != nil {
		want = "of b"
	}
	if listed != nil || len(names) != 1 || names[0] != want || len(left) != 1 {
		t.Errorf("the folder has %q, %v, and not what %q wrote; beside it lie %q", names, listed, want, left)
	}
}
