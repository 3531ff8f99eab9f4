package durable_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/internal/durable"
)

// Longer than the blocks that the crashing disk may keep or lose one by one.
var (
	oldContent = bytes.Repeat([]byte("old"), 5_000)
	newContent = bytes.Repeat([]byte("newer"), 5_000)
)

const path = "folder/file.csv"

func put(content []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		half := len(content) / 2
		// The in-memory disk garbles what it was given to write, in race builds.
		content := bytes.Clone(content)
		if _, err := w.Write(content[:half]); err != nil {
			return err
		}
		_, err := w.Write(content[half:])
		return err
	}
}

// diskWithOldFile has the old file in it, safe from a crash.
func diskWithOldFile(t *testing.T) *vfs.MemFS {
	t.Helper()
	disk := vfs.NewCrashableMem()
	if err := durable.MakeFolder(disk, "folder"); err != nil {
		t.Fatal(err)
	}
	if err := durable.WriteFile(disk, path, put(oldContent)); err != nil {
		t.Fatal(err)
	}
	return disk
}

func content(t *testing.T, fs vfs.FS) []byte {
	t.Helper()
	b, err := durable.ReadFile(fs, path, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// crashes are states that a disk can be in after a power cut: with none, all and
// some of what was not synced.
func crashes(disk *vfs.MemFS, seed uint64) []*vfs.MemFS {
	clones := []*vfs.MemFS{disk.CrashClone(vfs.CrashCloneCfg{})}
	for _, percent := range []int{100, 50, 50, 50} {
		seed++
		clones = append(clones, disk.CrashClone(vfs.CrashCloneCfg{
			UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(seed, 1)),
		}))
	}
	return clones
}

func TestACrashAtAnyStepLeavesTheOldFileOrTheNewOneWhole(t *testing.T) {
	disk := diskWithOldFile(t)
	var clones []*vfs.MemFS
	beforeEach := errorfs.InjectorFunc(func(errorfs.Op) error {
		clones = append(clones, crashes(disk, uint64(len(clones)))...)
		return nil
	})
	if err := durable.WriteFile(errorfs.Wrap(disk, beforeEach), path, put(newContent)); err != nil {
		t.Fatal(err)
	}
	olds, news := 0, 0
	for _, clone := range clones {
		switch b := content(t, clone); {
		case bytes.Equal(b, oldContent):
			olds++
		case bytes.Equal(b, newContent):
			news++
		default:
			t.Fatalf("after a crash the file holds %d bytes, neither the old nor the new", len(b))
		}
	}
	if olds == 0 || news == 0 {
		t.Errorf("the crashes left %d old files and %d new ones: they do not lie on both sides of the rename", olds, news)
	}
}

func TestAFileThatWasWrittenSurvivesAPowerCut(t *testing.T) {
	disk := diskWithOldFile(t)
	if err := durable.WriteFile(disk, path, put(newContent)); err != nil {
		t.Fatal(err)
	}
	if b := content(t, disk.CrashClone(vfs.CrashCloneCfg{})); !bytes.Equal(b, newContent) {
		t.Errorf("after a power cut the file holds %d bytes", len(b))
	}
	names, err := disk.CrashClone(vfs.CrashCloneCfg{}).List("folder")
	if err != nil || len(names) != 1 {
		t.Errorf("after a power cut the folder holds %v, %v", names, err)
	}
}

// failing is a disk whose nth operation from now fails, and whether it came to that.
func failing(disk vfs.FS, nth int) (fs vfs.FS, failed *bool) {
	failed = new(bool)
	return errorfs.Wrap(disk, errorfs.InjectorFunc(func(errorfs.Op) error {
		nth--
		if nth != 0 {
			return nil
		}
		*failed = true
		return errorfs.ErrInjected
	})), failed
}

func TestAFailureAtAnyStepIsToldAndLeavesAWholeFile(t *testing.T) {
	for nth := 1; ; nth++ {
		disk := diskWithOldFile(t)
		fs, failed := failing(disk, nth)
		err := durable.WriteFile(fs, path, put(newContent))
		if !*failed {
			if err != nil {
				t.Fatal(err)
			}
			if nth < 7 {
				t.Errorf("WriteFile came by with %d operations: it cannot have synced file and folder", nth-1)
			}
			return
		}
		if !errors.Is(err, errorfs.ErrInjected) {
			t.Errorf("operation %d failed, WriteFile said %v", nth, err)
		}
		for _, state := range append(crashes(disk, uint64(nth)), disk) {
			if b := content(t, state); !bytes.Equal(b, oldContent) && !bytes.Equal(b, newContent) {
				t.Errorf("operation %d failed, the file holds %d bytes, neither the old nor the new", nth, len(b))
			}
		}
		names, listErr := disk.List("folder")
		if listErr != nil || len(names) != 1 {
			t.Errorf("operation %d failed, the folder holds %v, %v", nth, names, listErr)
		}
	}
}

func TestAnErrorOfTheWriterLeavesTheOldFileAndNoTemporaryOne(t *testing.T) {
	disk := diskWithOldFile(t)
	reason := errors.New("source broke")
	err := durable.WriteFile(disk, path, func(w io.Writer) error {
		_, _ = w.Write([]byte("half of"))
		return reason
	})
	if !errors.Is(err, reason) {
		t.Errorf("error %v", err)
	}
	if !bytes.Equal(content(t, disk), oldContent) {
		t.Error("the old file was touched")
	}
	if names, err := disk.List("folder"); err != nil || len(names) != 1 {
		t.Errorf("the folder holds %v, %v", names, err)
	}
}

func TestWhatACrashLeftBehindDoesNotMixWithTheNewFile(t *testing.T) {
	disk := diskWithOldFile(t)
	f, err := disk.Create(path+".tmp", durable.Category)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(bytes.Repeat([]byte("junk"), 50_000)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
	if err := durable.WriteFile(disk, path, put(newContent)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(content(t, disk), newContent) {
		t.Error("the new file holds something else")
	}
}

func TestReadingStopsAtTheLimit(t *testing.T) {
	disk := diskWithOldFile(t)
	size := int64(len(oldContent))
	for limit, fits := range map[int64]bool{size + 1: true, size: true, size - 1: false, 0: false} {
		b, err := durable.ReadFile(disk, path, limit)
		if fits && (err != nil || !bytes.Equal(b, oldContent)) {
			t.Errorf("limit %d of %d: %d bytes, %v", limit, size, len(b), err)
		}
		if !fits && (err == nil || !strings.Contains(err.Error(), fmt.Sprintf("longer than %d bytes", limit))) {
			t.Errorf("limit %d of %d: %d bytes, %v", limit, size, len(b), err)
		}
	}
}

func TestAMissingFileIsKnownAsSuch(t *testing.T) {
	if _, err := durable.ReadFile(diskWithOldFile(t), "folder/other", 10); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "folder/other") {
		t.Errorf("error %v", err)
	}
}

func TestNewFilesAreForTheirOwnerAloneAndOthersKeepTheirMode(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "a", "b")
	if err := durable.MakeFolder(vfs.Default, folder); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "f")
	wantMode := func(path string, want os.FileMode) {
		t.Helper()
		if found, err := os.Stat(path); err != nil || found.Mode().Perm() != want {
			t.Errorf("%s has the mode %v, %v", path, found.Mode(), err)
		}
	}
	for _, mode := range []os.FileMode{0o600, 0o640, 0o644} {
		if err := durable.WriteFile(vfs.Default, file, put(newContent)); err != nil {
			t.Fatal(err)
		}
		wantMode(file, mode)
		if mode == 0o600 {
			mode = 0o640
		} else {
			mode = 0o644
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
	}
	wantMode(folder, 0o700)
	wantMode(filepath.Dir(folder), 0o700)
}
