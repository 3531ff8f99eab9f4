package durable

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// MakeFolder creates a folder and those of its parents that are missing, with the mode 0700, and makes
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
	if err := fs.MkdirAll(path, 0o700); err != nil {
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

// WriteFolder makes a new folder at path hold what write puts into it, whole or not at
// all: write gets the path of a folder with a temporary name, which is renamed and made
// safe at the end. Only the user of this program may look into it. The error is
// os.ErrExist if there is something at path already, also if another program was faster. Programs that may do so at the same
// time each have a name; one that is alone needs none.
func WriteFolder(fs vfs.FS, path, name string, write func(temporary string) error) error {
	if _, err := fs.Stat(path); !errors.Is(err, os.ErrNotExist) {
		return errors.Join(err, fmt.Errorf("creating folder %s: %w", path, os.ErrExist))
	}
	temporary := path + temporarySuffix
	if name != "" {
		temporary = path + "." + name + temporarySuffix
	}
	err := fs.RemoveAll(temporary) // which a crash left
	if err == nil {
		err = MakeFolder(fs, fs.PathDir(path))
	}
	if err == nil {
		err = fs.MkdirAll(temporary, 0o700)
	}
	if err == nil {
		err = write(temporary)
	}
	if err == nil {
		err = SyncFolder(fs, temporary)
	}
	if err == nil {
		err = fs.Rename(temporary, path)
	}
	if err != nil {
		_ = fs.RemoveAll(temporary) // what is left of it means nothing
		return fmt.Errorf("creating folder %s: %w", path, err)
	}
	return SyncFolder(fs, fs.PathDir(path))
}

// CopyFolder puts the files of a folder into a new one: as links to the same bytes, if the
// file system can do that, or else as copies. It is for files that are replaced as a whole
// and never changed. Folders in it, what is half written, the lock, and the names that are told are
// left out.
func CopyFolder(fs vfs.FS, from, to string, leftOut ...string) error {
	names, err := fs.List(from)
	if err != nil {
		return fmt.Errorf("listing folder %s: %w", from, err)
	}
	if err := MakeFolder(fs, to); err != nil {
		return err
	}
	for _, name := range names {
		path := fs.PathJoin(from, name)
		found, err := fs.Stat(path)
		if err != nil {
			return fmt.Errorf("copying %s: %w", path, err)
		}
		if !found.Mode().IsRegular() || name == lockName || name == holderName || strings.HasSuffix(name, temporarySuffix) || slices.Contains(leftOut, name) {
			continue
		}
		copied := fs.PathJoin(to, name)
		if fs.Link(path, copied) == nil {
			continue
		}
		if err := copyFile(fs, path, copied); err != nil {
			return fmt.Errorf("copying %s: %w", path, err)
		}
	}
	return SyncFolder(fs, to)
}

func copyFile(fs vfs.FS, from, to string) error {
	file, err := OpenRegular(fs, from)
	if err != nil {
		return err
	}
	defer file.Close()
	return writeSynced(fs, to, func(w io.Writer) error {
		_, err := io.Copy(w, file)
		return err
	})
}
