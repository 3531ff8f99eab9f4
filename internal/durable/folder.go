package durable

import (
	"errors"
	"fmt"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// MakeFolder creates a folder and those of its parents that are missing, and makes
// each name survive a power cut in the folder that holds it. It also does so for a
// folder that is there: the process that made it may have been killed before.
func MakeFolder(fs vfs.FS, path string) error {
	parent := fs.PathDir(path)
	if found, err := fs.Stat(path); err == nil {
		if !found.IsDir() {
			return fmt.Errorf("%s is a file, not a folder", path)
		}
		if err := SyncFolder(fs, parent); !errors.Is(err, os.ErrPermission) {
			return err
		}
		return nil // this program did not make a folder in one that it may not even open
	}
	if parent != path && parent != "." {
		if err := MakeFolder(fs, parent); err != nil {
			return err
		}
	}
	if err := fs.MkdirAll(path, 0o755); err != nil {
		return fmt.Errorf("creating folder %s: %w", path, err)
	}
	return SyncFolder(fs, parent)
}

// SyncFolder makes the names in a folder survive a power cut.
func SyncFolder(fs vfs.FS, path string) error {
	folder, err := fs.OpenDir(path)
	if err != nil {
		return fmt.Errorf("opening folder %s: %w", path, err)
	}
	if err := folder.Sync(); err != nil {
		_ = folder.Close() // the first error is the one to tell
		return fmt.Errorf("syncing folder %s: %w", path, err)
	}
	return folder.Close()
}
