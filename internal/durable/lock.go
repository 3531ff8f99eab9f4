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

// The lock is held on the folder itself and on a file in it, and its holder is named in
// another file: closing any handle of a locked file would give the lock up.
const (
	lockName      = "LOCK"
	holderName    = "HOLDER"
	holderSizeMax = 4096
)

var errInUse = errors.New("in use")

// Lock is a folder's one ownership. The operating system gives it up when the
// process ends, however it ends.
type Lock struct {
	file   io.Closer
	folder func() error // releases the folder itself
}

// LockFolder takes the lock on a folder and writes down who holds it, if the disk has room
// for that. If it is taken already, the error names the holder.
func LockFolder(fs vfs.FS, folder, holder string) (*Lock, error) {
	l, err := take(fs, folder)
	if errors.Is(err, errInUse) {
		return nil, fmt.Errorf("%s is in use by %s", folder, heldBy(fs, folder))
	}
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", folder, err)
	}
	path := fs.PathJoin(folder, holderName)
	err = WriteFile(fs, path, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, holder)
		return err
	})
	if errors.Is(err, syscall.ENOSPC) {
		_ = fs.Remove(path) // which names another; without it nobody is named
		err = nil
	}
	if err != nil {
		_ = l.Release() // the first error is the one to tell
		return nil, fmt.Errorf("naming the holder of %s: %w", folder, err)
	}
	return l, nil
}

func take(fs vfs.FS, folder string) (l *Lock, err error) {
	l = &Lock{folder: func() error { return nil }}
	if vfs.Root(fs) == vfs.Default {
		if l.folder, err = lockItself(folder); err != nil {
			return nil, err
		}
	}
	l.file, err = fs.Lock(fs.PathJoin(folder, lockName))
	if err == nil {
		return l, nil
	}
	_ = l.folder()
	var path *os.PathError
	if errors.As(err, &path) { // the lock's file cannot be made; a lock that is taken has no path
		return nil, err
	}
	return nil, errInUse
}

func heldBy(fs vfs.FS, folder string) string {
	b, err := ReadFile(fs, fs.PathJoin(folder, holderName), holderSizeMax)
	if err != nil {
		return "another process"
	}
	return strings.TrimSpace(string(b))
}

// Release gives the lock up.
func (l *Lock) Release() error { return errors.Join(l.file.Close(), l.folder()) }
