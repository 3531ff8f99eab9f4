// Package durable holds what makes files safe: files that appear whole or not
// at all, folders whose entries survive a power cut, and the lock that gives a
// data folder one owner.
//
// It works on Pebble's vfs.FS, so that tests can put a crashing, failing or
// full disk under every program that writes through it.
package durable

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Category is the name under which writes are counted by the file system.
const Category vfs.DiskWriteCategory = "meterledger"

// writebackBytes is how much of a file is written before the disk is asked to store it. If
// a file of many GB reached the disk only at its end, the journal's fsyncs would wait.
const writebackBytes = 4 << 20

// temporarySuffix marks a file that is being written. One that is found at
// start was left by a crash and means nothing.
const temporarySuffix = ".tmp"

// WriteFile makes path hold what write writes, whole or not at all:
//
//  1. write everything to path.tmp
//  2. fsync path.tmp
//  3. rename path.tmp to path
//  4. fsync the folder
//
// A crash before 3 leaves the old file, after 4 the new one, and between them
// one of the two. When WriteFile returns nil the new file survives a power cut.
// When it returns an error the old file may already have been replaced, but
// only by a whole new one. A new file has the mode 0600; one that was there keeps its mode.
func WriteFile(fs vfs.FS, path string, write func(io.Writer) error) error {
	return ReplaceFile(fs, path, Mark{}, write, func(string) error { return nil })
}

// ReplaceFile is WriteFile with a step between 2 and 3: intend is called with the
// path of the new content, which is safe beside the old. If it returns an error
// the old file stays. The mark stands in the temporary name.
func ReplaceFile(fs vfs.FS, path string, mark Mark, write func(io.Writer) error, intend func(temporary string) error) error {
	temporary := path + mark.suffix()
	err := writeSynced(fs, temporary, write)
	if err == nil {
		err = keepMode(fs, temporary, path)
	}
	if err == nil {
		err = intend(temporary)
	}
	if err == nil {
		err = fs.Rename(temporary, path)
	}
	if err != nil {
		_ = fs.Remove(temporary) // what is left of it means nothing
		return fmt.Errorf("replacing %s: %w", path, err)
	}
	return SyncFolder(fs, fs.PathDir(path))
}

// create creates a file that nobody else can open at any moment. A file system that is not the
// machine's has no modes.
func create(fs vfs.FS, path string) (vfs.File, error) {
	if fs != vfs.Default {
		return fs.Create(path, Category)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	return fs.OpenReadWrite(path, Category)
}

// keepMode gives a file the mode of the one whose place it takes, which an operator may have
// let others read.
func keepMode(fs vfs.FS, temporary, path string) error {
	if fs != vfs.Default {
		return nil
	}
	found, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) || err == nil && !found.Mode().IsRegular() {
		return nil
	}
	if err == nil {
		err = os.Chmod(temporary, found.Mode().Perm())
	}
	return err
}

func writeSynced(fs vfs.FS, path string, write func(io.Writer) error) error {
	f, err := create(fs, path)
	if err != nil {
		return fmt.Errorf("creating %s: %w", path, err)
	}
	f = vfs.NewSyncingFile(f, vfs.SyncingFileOptions{BytesPerSync: writebackBytes, NoSyncOnClose: true})
	if err := write(f); err != nil {
		_ = f.Close() // the first error is the one to tell
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := f.Sync(); err != nil {
		_ = f.Close()
		return fmt.Errorf("syncing %s: %w", path, err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("closing %s: %w", path, err)
	}
	return nil
}

// RemoveFile removes a file, if it is there. When it returns nil the file is gone also after a power cut.
func RemoveFile(fs vfs.FS, path string) error {
	if err := fs.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing %s: %w", path, err)
	}
	err := SyncFolder(fs, fs.PathDir(path)) // also of a file that is gone: the removal may have been cut off before this
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// RemoveTemporary removes what a crash left in a folder of files that were being
// written and whose names end with suffix.
func RemoveTemporary(fs vfs.FS, folder, suffix string) error {
	names, err := fs.List(folder)
	if err != nil {
		return fmt.Errorf("listing folder %s: %w", folder, err)
	}
	for _, name := range names {
		if !strings.HasSuffix(name, suffix+temporarySuffix) {
			continue
		}
		if err := fs.Remove(fs.PathJoin(folder, name)); err != nil {
			return fmt.Errorf("removing %s from folder %s: %w", name, folder, err)
		}
	}
	return nil
}

// ErrLonger says that a file is longer than it may be.
var ErrLonger = errors.New("longer")

// ReadFile returns the content of a small regular file, at most sizeMax bytes.
func ReadFile(fs vfs.FS, path string, sizeMax int64) ([]byte, error) {
	f, err := OpenRegular(fs, path)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, sizeMax+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if int64(len(b)) > sizeMax {
		return nil, fmt.Errorf("reading %s: %w than %d bytes", path, ErrLonger, sizeMax)
	}
	return b, nil
}

// IsFull reports whether err came of a disk without space, or of a quota that is used up.
func IsFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }
