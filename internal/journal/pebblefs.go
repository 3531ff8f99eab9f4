package journal

import (
	"fmt"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/durable"
)

// markerPrefix begins the names of the files by which Pebble says which of its
// other files count.
const markerPrefix = "marker."

// pebbleFS is the file system as Pebble gets to see it. Whatever cannot be written
// or synced is the end of the journal, at once and whoever wrote it: Pebble would try
// some of it again for ever, and panic about some of it while it holds locks.
type pebbleFS struct {
	vfs.FS
	*failing
}

// Create makes a file. Before a marker is made that points at another file, the
// names in the folder are made safe. Pebble 2.1.7 syncs the folder only after both, so
// a power cut could keep the marker and lose the file, and the journal would not open
// any more (cockroachdb/pebble issue 5825, mended in later versions).
func (fs pebbleFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if strings.HasPrefix(fs.PathBase(name), markerPrefix) {
		fs.must("syncing the folder of", name, durable.SyncFolder(fs.FS, fs.PathDir(name)))
	}
	f, err := fs.FS.Create(name, category)
	fs.must("creating", name, err)
	return pebbleFile{f, fs, name}, nil
}

// ReuseForWrite gives an old log another name and opens it to be written over.
func (fs pebbleFS) ReuseForWrite(oldName, newName string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.ReuseForWrite(oldName, newName, category)
	fs.must("creating", newName, err)
	return pebbleFile{f, fs, newName}, nil
}

// Rename gives a file another name.
func (fs pebbleFS) Rename(oldName, newName string) error {
	fs.must("renaming", oldName, fs.FS.Rename(oldName, newName))
	return nil
}

// OpenDir opens a folder to be synced.
func (fs pebbleFS) OpenDir(name string) (vfs.File, error) {
	f, err := fs.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return pebbleFile{f, fs, name}, nil
}

// Unwrap returns the file system below.
func (fs pebbleFS) Unwrap() vfs.FS { return fs.FS }

// must does not return where something could not be done.
func (fs pebbleFS) must(doing, name string, err error) {
	if err != nil {
		fs.end(fmt.Errorf("%s %s: %w", doing, name, err))
	}
}

// pebbleFile is a file or folder that must take what is written to it.
type pebbleFile struct {
	vfs.File
	fs   pebbleFS
	name string
}

func (f pebbleFile) Write(b []byte) (int, error) {
	n, err := f.File.Write(b)
	f.fs.must("writing", f.name, err)
	return n, nil
}

func (f pebbleFile) WriteAt(b []byte, offset int64) (int, error) {
	n, err := f.File.WriteAt(b, offset)
	f.fs.must("writing", f.name, err)
	return n, nil
}

func (f pebbleFile) Sync() error {
	f.fs.must("syncing", f.name, f.File.Sync())
	return nil
}

func (f pebbleFile) SyncData() error {
	f.fs.must("syncing", f.name, f.File.SyncData())
	return nil
}

func (f pebbleFile) SyncTo(length int64) (bool, error) {
	full, err := f.File.SyncTo(length)
	f.fs.must("syncing", f.name, err)
	return full, nil
}
