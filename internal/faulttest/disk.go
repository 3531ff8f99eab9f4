package faulttest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// PowerCut returns a disk as a power cut leaves it that drops all that was not
// synced.
func PowerCut(disk *vfs.MemFS) *vfs.MemFS { return disk.CrashClone(vfs.CrashCloneCfg{}) }

// Killed returns a disk as the end of the process leaves it: with everything that
// was written.
func Killed(disk *vfs.MemFS) *vfs.MemFS { return Torn(disk, 100, 0) }

// Torn returns a disk as a power cut leaves it that keeps some of what was not
// synced: each block and each name with a probability in percent.
func Torn(disk *vfs.MemFS, percent int, seed uint64) *vfs.MemFS {
	return disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(seed, 1))})
}

// Changes reports whether an operation changes what is on a disk, or makes what
// was changed safe.
func Changes(op errorfs.Op) bool {
	switch op.Kind {
	case errorfs.OpCreate, errorfs.OpLink, errorfs.OpRename, errorfs.OpReuseForWrite, errorfs.OpMkdirAll,
		errorfs.OpRemove, errorfs.OpRemoveAll, errorfs.OpFileWrite, errorfs.OpFileWriteAt:
		return true
	default:
		return Syncs(op)
	}
}

// Syncs reports whether an operation makes a file or the names of a folder safe.
func Syncs(op errorfs.Op) bool {
	return op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
}

var names = map[errorfs.OpKind]string{
	errorfs.OpCreate: "create", errorfs.OpLink: "link", errorfs.OpRename: "rename", errorfs.OpReuseForWrite: "reuse",
	errorfs.OpMkdirAll: "make folder", errorfs.OpRemove: "remove", errorfs.OpRemoveAll: "remove all",
	errorfs.OpFileWrite: "write", errorfs.OpFileWriteAt: "write at", errorfs.OpFilePreallocate: "preallocate", errorfs.OpLock: "lock",
	errorfs.OpFileSync: "sync", errorfs.OpFileSyncData: "sync data", errorfs.OpFileSyncTo: "sync to",
}

// Name says what an operation does.
func Name(op errorfs.Op) string { return cmp.Or(names[op.Kind], "read") }

// Files returns the paths of the files below a folder, in order.
func Files(fs vfs.FS, folder string) (paths []string, err error) {
	names, err := fs.List(folder)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	for _, name := range names {
		path := fs.PathJoin(folder, name)
		stat, err := fs.Stat(path)
		if err != nil {
			return nil, err
		}
		if !stat.IsDir() {
			paths = append(paths, path)
			continue
		}
		below, err := Files(fs, path)
		if err != nil {
			return nil, err
		}
		paths = append(paths, below...)
	}
	return paths, nil
}

// Content returns the bytes of a file of an in-memory disk.
func Content(disk *vfs.MemFS, path string) ([]byte, error) {
	b, err := disk.UnsafeGetFileDataBuffer(path)
	return bytes.Clone(b), err
}

// Put makes a file hold the given bytes, safe from a power cut.
func Put(fs vfs.FS, path string, content []byte) error {
	f, err := fs.Create(path, "faulttest")
	if err != nil {
		return fmt.Errorf("damaging %s: %w", path, err)
	}
	// The in-memory disk garbles what it was given to write, in race builds.
	_, err = f.Write(bytes.Clone(content))
	return errors.Join(err, f.Sync(), f.Close())
}

// Garble changes one byte of a file to its exclusive or with a mask.
func Garble(disk *vfs.MemFS, path string, offset int, mask byte) error {
	content, err := Content(disk, path)
	if err != nil {
		return err
	}
	content[offset] ^= mask
	return Put(disk, path, content)
}

// Watch returns a file system that asks before each operation whether it fails. Unlike errorfs alone it also
// sees writes to a file that is used again, as Pebble uses its logs.
func Watch(fs vfs.FS, before func(errorfs.Op) error) vfs.FS {
	return watchedFS{errorfs.Wrap(fs, errorfs.InjectorFunc(before)), before}
}

// watchedFS calls before ahead of each operation.
type watchedFS struct {
	*errorfs.FS
	before func(errorfs.Op) error
}

// ReuseForWrite gives a file another name and opens it to be written over.
func (w watchedFS) ReuseForWrite(oldName, newName string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := w.FS.ReuseForWrite(oldName, newName, category)
	if err != nil {
		return nil, err
	}
	return errorfs.WrapFile(f, errorfs.InjectorFunc(func(op errorfs.Op) error {
		op.Path = newName
		return w.before(op)
	})), nil
}
