package durable

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// MakeFolder creates a folder where there is none, and makes its name in the
// parent folder survive a power cut.
func MakeFolder(fs vfs.FS, path string) error {
	if _, err := fs.Stat(path); err == nil {
		return nil
	}
	if err := fs.MkdirAll(path, 0o755); err != nil {
		return fmt.Errorf("creating folder %s: %w", path, err)
	}
	return SyncFolder(fs, fs.PathDir(path))
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
