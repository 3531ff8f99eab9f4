package tour

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/dsnet/try"

	"meterledger/internal/durable"
)

// What stands in the folder for the suite.
const (
	dataName    = "data"
	archiveName = "Archive"
)

// markerName is the file by which the demo knows a folder as its own.
const (
	markerName = "made-by-make-demo"
	markerText = "This folder is removed and made again by every run of the demo.\n"
)

// freshFolder makes dir anew. A folder that the demo did not make itself, or on which an
// api works, is left as it is, and refused.
func freshFolder(dir string) (err error) {
	defer try.HandleF(&err, func() { err = fmt.Errorf("making the demo's folder anew: %w", err) })
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		try.E(err)
		if _, err := os.Stat(filepath.Join(dir, markerName)); err != nil {
			return fmt.Errorf("%s is not a folder that the demo made: remove it yourself or name another one with -dir", dir)
		}
		if dataDir := filepath.Join(dir, dataName); exists(dataDir) {
			try.E(try.E1(durable.LockFolder(vfs.Default, dataDir, "the demo, to remove it")).Release())
		}
		try.E(os.RemoveAll(dir))
	}
	try.E(os.MkdirAll(dir, 0o755))
	return os.WriteFile(filepath.Join(dir, markerName), []byte(markerText), 0o644)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
