package tour

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/durable"
)

// markerName is the file by which the demo knows a folder as its own.
const markerName = "made-by-make-demo"

// What stands in the folder for the suite.
const (
	dataName    = "data"
	archiveName = "Archive"
)

const markerText = "This folder is removed and made again by every run of the demo.\n"

// freshFolder makes dir anew. A folder that the demo did not make itself is left
// as it is, and refused.
func freshFolder(dir string) error {
	_, err := os.Lstat(dir)
	if err == nil {
		if _, err := os.Stat(filepath.Join(dir, markerName)); err != nil {
			return fmt.Errorf("%s is not a folder that the demo made: remove it yourself or name another one with -dir", dir)
		}
		if err := unused(filepath.Join(dir, dataName)); err != nil {
			return err
		}
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("removing the demo's old folder: %w", err)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("looking for the demo's old folder: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making the demo's folder: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, markerName), []byte(markerText), 0o644); err != nil {
		return fmt.Errorf("marking the demo's folder: %w", err)
	}
	return nil
}

// unused makes sure that no api works on what an earlier demo left.
func unused(dataDir string) error {
	if _, err := os.Stat(dataDir); err != nil {
		return nil // the earlier demo did not come that far
	}
	lock, err := durable.LockFolder(vfs.Default, dataDir, "the demo, to remove it")
	if err != nil {
		return fmt.Errorf("the demo's old folder cannot be removed: %w", err)
	}
	return lock.Release()
}
