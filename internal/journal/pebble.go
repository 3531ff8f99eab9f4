package journal

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable/block"
	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/durable"
)

// memTableBytes is how much Pebble gathers before it turns log into table. It
// is far above the largest batch, so that a batch is always written at once.
const memTableBytes = 32 << 20

// filesMax is how many files the journal has open. Its tables are read from one end to the
// other, so it need not hold more of them.
const filesMax = 256

func (j *Journal) options(readOnly bool) *pebble.Options {
	o := &pebble.Options{
		FS:                 pebbleFS{j.fs, j.fault, j.folder},
		ReadOnly:           readOnly,
		Logger:             pebbleLog{j.fault},
		MemTableSize:       memTableBytes,
		MaxOpenFiles:       filesMax,
		FormatMajorVersion: pebble.FormatNewest,
		DisableTableStats:  true, // they serve compactions that a log never needs
		EventListener: &pebble.EventListener{DataCorruption: func(info pebble.DataCorruptionInfo) {
			// The reader of the damage gets it as an error; by default Pebble would end the process.
			j.fault.log.Error("journal is damaged", "file", info.Path, "error", info.Details)
		}},
	}
	for i := range o.Levels {
		o.Levels[i].Compression = func() *block.CompressionProfile { return block.NoCompression }
	}
	return o
}

// fault makes the first failed write final: nothing is written after it.
type fault struct {
	log  *slog.Logger
	once sync.Once
	done chan struct{} // closed once err is set
	err  error
}

func newFault(log *slog.Logger) *fault { return &fault{log: log, done: make(chan struct{})} }

// tell makes the first error final.
func (f *fault) tell(err error) {
	f.once.Do(func() {
		f.log.Error("the journal cannot go on", "error", err)
		f.err = err
		close(f.done)
	})
}

// end records an error and blocks for good: its caller is inside Pebble, and holds
// locks in the middle of a change. Few goroutines end like this, and the program ends
// as soon as it hears of it.
func (f *fault) end(err error) {
	f.tell(err)
	select {}
}

// failure returns why nothing is written any more, or nil.
func (f *fault) failure() error {
	select {
	case <-f.done:
		return f.err
	default:
		return nil
	}
}

// guard calls Pebble, and returns even if Pebble cannot.
func (f *fault) guard(call func() error) error {
	answer := make(chan error, 1)
	go func() { answer <- call() }()
	select {
	case err := <-answer:
		return err
	case <-f.done:
		return f.err
	}
}

// pebbleLog passes on what Pebble logs. Its everyday news is for debugging.
type pebbleLog struct{ *fault }

func (p pebbleLog) Infof(format string, args ...any) {
	p.log.Debug("journal", "pebble", fmt.Sprintf(format, args...))
}

func (p pebbleLog) Errorf(format string, args ...any) {
	p.log.Error("journal", "pebble", fmt.Sprintf(format, args...))
}

// Fatalf is called when Pebble cannot go on, and must not return.
func (p pebbleLog) Fatalf(format string, args ...any) { p.end(fmt.Errorf(format, args...)) }

// markerPrefix begins the names of the files by which Pebble says which of its
// other files count.
const markerPrefix = "marker."

// pebbleFS is the file system as Pebble sees it. The first write or sync that fails
// ends the journal at once, whichever part of Pebble it came from: Pebble would retry
// some of them without end, and panic over others while it holds locks.
//
// What is written to another folder is a copy, which may fail.
type pebbleFS struct {
	vfs.FS
	*fault
	folder string
}

// isOurs reports whether a file or folder belongs to the journal.
func (fs pebbleFS) isOurs(name string) bool {
	return name == fs.folder || fs.PathDir(name) == fs.folder
}

// Create makes a file. Before it makes a marker that points at another file, it makes
// the names in the folder safe. Pebble 2.1.7 syncs the folder only after both, so a
// power cut could keep the marker and lose the file, and the journal would no longer
// open (cockroachdb/pebble issue 5825, fixed in later versions).
func (fs pebbleFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if !fs.isOurs(name) {
		return fs.FS.Create(name, category)
	}
	if strings.HasPrefix(fs.PathBase(name), markerPrefix) {
		fs.must("syncing the folder of", name, durable.SyncFolder(fs.FS, fs.PathDir(name)))
	}
	f, err := whenFree(func() (vfs.File, error) { return fs.FS.Create(name, category) })
	fs.must("creating", name, err)
	return pebbleFile{f, fs, name}, nil
}

// ReuseForWrite gives an old log another name and opens it to be overwritten.
func (fs pebbleFS) ReuseForWrite(oldName, newName string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := whenFree(func() (vfs.File, error) { return fs.FS.ReuseForWrite(oldName, newName, category) })
	fs.must("creating", newName, err)
	return pebbleFile{f, fs, newName}, nil
}

// Rename gives a file another name.
func (fs pebbleFS) Rename(oldName, newName string) error {
	if !fs.isOurs(newName) {
		return fs.FS.Rename(oldName, newName)
	}
	fs.must("renaming", oldName, fs.FS.Rename(oldName, newName))
	return nil
}

// OpenDir opens a folder to be synced.
func (fs pebbleFS) OpenDir(name string) (vfs.File, error) {
	f, err := whenFree(func() (vfs.File, error) { return fs.FS.OpenDir(name) })
	if err != nil || !fs.isOurs(name) {
		return f, err
	}
	return pebbleFile{f, fs, name}, nil
}

// When the process has no descriptor left, the journal waits so long for one, and asks so often.
const (
	descriptorWaitMax = 30 * time.Second
	descriptorEvery   = 10 * time.Millisecond
)

// whenFree opens a file. If the process has no descriptor left it waits: those of questions come
// free within moments, and connections leave some alone.
func whenFree(open func() (vfs.File, error)) (vfs.File, error) {
	f, err := open()
	for range descriptorWaitMax / descriptorEvery {
		if !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE) {
			break
		}
		time.Sleep(descriptorEvery)
		f, err = open()
	}
	return f, err
}

// Unwrap returns the file system below.
func (fs pebbleFS) Unwrap() vfs.FS { return fs.FS }

// must does not return if something failed.
func (fs pebbleFS) must(doing, name string, err error) {
	if err != nil {
		fs.end(fmt.Errorf("%s %s: %w", doing, name, err))
	}
}

// pebbleFile is a file or folder whose writes must not fail.
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
