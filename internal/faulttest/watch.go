package faulttest

import (
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// Watch returns a file system that asks before each operation whether it fails.
// Other than errorfs alone it also sees what is written to a file that is used
// again, as Pebble does with its logs.
func Watch(fs vfs.FS, before func(errorfs.Op) error) vfs.FS {
	return watched{errorfs.Wrap(fs, errorfs.InjectorFunc(before)), before}
}

type watched struct {
	*errorfs.FS
	before func(errorfs.Op) error
}

// ReuseForWrite gives a file another name and opens it to be written over.
func (w watched) ReuseForWrite(oldName, newName string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := w.FS.ReuseForWrite(oldName, newName, category)
	if err != nil {
		return nil, err
	}
	return errorfs.WrapFile(f, errorfs.InjectorFunc(func(op errorfs.Op) error {
		op.Path = newName
		return w.before(op)
	})), nil
}
