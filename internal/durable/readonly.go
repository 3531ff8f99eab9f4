package durable

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// ReadOnly returns a file system on which nothing can be changed: what would change
// something fails with os.ErrPermission. Locks are not taken, and always succeed.
func ReadOnly(fs vfs.FS) vfs.FS { return readOnlyFS{fs} }

type readOnlyFS struct{ vfs.FS }

func refused(doing, name string) error {
	return fmt.Errorf("%s %s, which is only read: %w", doing, name, os.ErrPermission)
}

func (readOnlyFS) Create(name string, _ vfs.DiskWriteCategory) (vfs.File, error) {
	return nil, refused("creating", name)
}

func (readOnlyFS) OpenReadWrite(name string, _ vfs.DiskWriteCategory, _ ...vfs.OpenOption) (vfs.File, error) {
	return nil, refused("writing", name)
}

func (readOnlyFS) ReuseForWrite(_, name string, _ vfs.DiskWriteCategory) (vfs.File, error) {
	return nil, refused("writing", name)
}

func (readOnlyFS) Link(_, name string) error                 { return refused("creating", name) }
func (readOnlyFS) MkdirAll(name string, _ os.FileMode) error { return refused("creating", name) }
func (readOnlyFS) Remove(name string) error                  { return refused("removing", name) }
func (readOnlyFS) RemoveAll(name string) error               { return refused("removing", name) }
func (readOnlyFS) Rename(name, _ string) error               { return refused("renaming", name) }
func (readOnlyFS) Lock(string) (io.Closer, error)            { return io.NopCloser(nil), nil }
func (fs readOnlyFS) Unwrap() vfs.FS                         { return fs.FS }

// LockToRead takes the lock on a folder that is only read, and writes nothing into it. A
// folder that is not there has no owner.
func LockToRead(fs vfs.FS, folder string) (*Lock, error) {
	if _, err := fs.Stat(folder); errors.Is(err, os.ErrNotExist) {
		return &Lock{io.NopCloser(nil), func() error { return nil }}, nil
	}
	if _, err := fs.Stat(fs.PathJoin(folder, lockName)); errors.Is(err, os.ErrNotExist) {
		fs = ReadOnly(fs) // which does not make the file: the lock on the folder itself is left
	}
	return lock(fs, folder)
}
