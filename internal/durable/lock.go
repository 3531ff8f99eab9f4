package durable

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The lock is held on one file and its holder named in another: closing any
// handle of a locked file would give the lock up.
const (
	lockName      = "LOCK"
	holderName    = "HOLDER"
	holderSizeMax = 4096
)

// Lock is a folder's one ownership. The operating system gives it up when the
// process ends, however it ends.
type Lock struct{ closer io.Closer }

// LockFolder takes the lock on a folder and writes down who holds it. If it is
// taken already, the error names the holder.
func LockFolder(fs vfs.FS, folder, holder string) (*Lock, error) {
	l, err := lock(fs, folder)
	if err != nil {
		return nil, err
	}
	err = WriteFile(fs, fs.PathJoin(folder, holderName), func(w io.Writer) error {
		_, err := fmt.Fprintln(w, holder)
		return err
	})
	if err != nil {
		_ = l.Release() // the first error is the one to tell
		return nil, fmt.Errorf("naming the holder of %s: %w", folder, err)
	}
	return l, nil
}

func lock(fs vfs.FS, folder string) (*Lock, error) {
	closer, err := fs.Lock(fs.PathJoin(folder, lockName))
	var path *os.PathError
	if errors.As(err, &path) { // the lock's file cannot be made; a lock that is taken has no path
		return nil, fmt.Errorf("locking %s: %w", folder, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s is in use by %s", folder, heldBy(fs, folder))
	}
	return &Lock{closer}, nil
}

func heldBy(fs vfs.FS, folder string) string {
	b, err := ReadFile(fs, fs.PathJoin(folder, holderName), holderSizeMax)
	if err != nil {
		return "another process"
	}
	return strings.TrimSpace(string(b))
}

// Release gives the lock up.
func (l *Lock) Release() error { return l.closer.Close() }
