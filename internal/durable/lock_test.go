package durable_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/internal/durable"
)

const firstHolder, secondHolder = "api, process 17, since 2026-11-23T14:30:00", "api, process 18"

func TestASecondOwnerIsRefusedAndToldOfTheFirst(t *testing.T) {
	for name, fs := range map[string]vfs.FS{"memory": vfs.NewMem(), "disk": vfs.Default} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			if err := fs.MkdirAll(folder, 0o755); err != nil {
				t.Fatal(err)
			}
			lock, err := durable.LockFolder(fs, folder, firstHolder)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // being refused does not loosen the lock
				_, err = durable.LockFolder(fs, folder, secondHolder)
				if err == nil {
					t.Fatal("the folder has two owners")
				}
				if want := folder + " is in use by " + firstHolder; err.Error() != want {
					t.Errorf("got %q, want %q", err, want)
				}
			}
			if err := lock.Release(); err != nil {
				t.Fatal(err)
			}
			lock, err = durable.LockFolder(fs, folder, secondHolder)
			if err != nil {
				t.Fatalf("after the first owner has gone: %v", err)
			}
			defer lock.Release()
			if _, err := durable.LockFolder(fs, folder, firstHolder); err == nil || !strings.Contains(err.Error(), secondHolder) {
				t.Errorf("error %v, want it to name the second owner", err)
			}
		})
	}
}

// TestWithoutItsFileTheLockStillHolds goes to the folder by another path too, because Pebble
// remembers the paths that this process has locked.
func TestWithoutItsFileTheLockStillHolds(t *testing.T) {
	folder := t.TempDir()
	alias := filepath.Join(t.TempDir(), "alias")
	if err := os.Symlink(folder, alias); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	lock, err := durable.LockFolder(vfs.Default, folder, firstHolder)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(folder, "LOCK")); err != nil {
		t.Skipf("the file cannot be removed here: %v", err)
	}
	if _, err := durable.LockFolder(vfs.Default, alias, secondHolder); err == nil || !strings.Contains(err.Error(), firstHolder) {
		t.Errorf("the folder has two owners: %v", err)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	if lock, err = durable.LockFolder(vfs.Default, alias, secondHolder); err != nil {
		t.Fatalf("after the first owner has gone: %v", err)
	}
	if err := lock.Release(); err != nil {
		t.Error(err)
	}
}

func TestOnAFullDiskAFolderIsLockedAndItsHolderNotNamed(t *testing.T) {
	disk := vfs.NewMem()
	if err := disk.MkdirAll("data", 0o755); err != nil {
		t.Fatal(err)
	}
	full := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileWrite {
			return syscall.ENOSPC
		}
		return nil
	}))
	lock, err := durable.LockFolder(full, "data", firstHolder)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	if _, err := durable.LockFolder(full, "data", secondHolder); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("error %v", err)
	}
}

func TestAHolderWhoCannotBeReadIsAnotherProcess(t *testing.T) {
	disk := vfs.NewMem()
	if err := disk.MkdirAll("data", 0o755); err != nil {
		t.Fatal(err)
	}
	lock, err := durable.LockFolder(disk, "data", firstHolder)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	if err := disk.Remove("data/HOLDER"); err != nil {
		t.Fatal(err)
	}
	if _, err := durable.LockFolder(disk, "data", secondHolder); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("error %v", err)
	}
}

func TestALockThatCannotNameItsHolderIsGivenUp(t *testing.T) {
	disk := vfs.NewMem()
	if err := disk.MkdirAll("data", 0o755); err != nil {
		t.Fatal(err)
	}
	noCreate := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpCreate {
			return errorfs.ErrInjected
		}
		return nil
	}))
	if _, err := durable.LockFolder(noCreate, "data", firstHolder); !errors.Is(err, errorfs.ErrInjected) {
		t.Fatalf("error %v", err)
	}
	lock, err := durable.LockFolder(disk, "data", secondHolder)
	if err != nil {
		t.Fatalf("the lock is still held: %v", err)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
}

func TestAFolderThatCannotBeLockedIsNotSaidToBeInUse(t *testing.T) {
	_, err := durable.LockFolder(vfs.NewMem(), "nowhere", firstHolder)
	if !errors.Is(err, os.ErrNotExist) || strings.Contains(err.Error(), "in use") {
		t.Errorf("the folder is missing, the error says %v", err)
	}
}
