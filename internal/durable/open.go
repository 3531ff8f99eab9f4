package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// ErrNotRegular says that a link, a folder, a pipe or a device is in the place of a file.
var ErrNotRegular = errors.New("is not a regular file")

// Regular is a regular file that is open to be read.
type Regular struct {
	readable

	Size int64 // in bytes, when it was opened
}

type readable interface {
	io.Reader
	io.ReaderAt
	io.Closer
	Sync() error
}

// OpenRegular opens a regular file to be read. Whatever else has its name is ErrNotRegular:
// it follows no link, and does not wait for the other end of a pipe.
func OpenRegular(disk vfs.FS, path string) (*Regular, error) {
	file, stat, err := open(disk, path)
	if err != nil {
		return nil, err
	}
	if !stat.Mode().IsRegular() {
		_ = file.Close() // nothing was done with it
		return nil, fmt.Errorf("%s %w", path, ErrNotRegular)
	}
	return &Regular{file, stat.Size()}, nil
}

func open(disk vfs.FS, path string) (readable, fs.FileInfo, error) {
	if disk == vfs.Default {
		return openOnDisk(path)
	}
	file, err := disk.Open(path)
	if err != nil {
		return nil, nil, err
	}
	stat, err := file.Stat()
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return file, stat, nil
}
