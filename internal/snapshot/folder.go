// Package snapshot keeps files of the whole state at a position of the journal,
// so that a restart need not replay all history.
//
// The package sees a snapshot as records of bytes. It refuses a snapshot that is not
// whole and unaltered: every record carries its number and a checksum, the file ends
// with a mark, and a snapshot gets its name only once it was read back.
package snapshot

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/chain"
	"meterledger/internal/durable"
	"meterledger/internal/mutant"
)

const (
	suffix      = ".snapshot"
	bufferBytes = 256 << 10
)

// Folder is where snapshots are kept, one file each: 00000000000000000123.snapshot
// holds the state after batch 123. One goroutine at a time may use it, and beside it any number
// may call OpenNewest.
type Folder struct {
	fs   vfs.FS
	path string
}

// OpenFolder opens a folder of snapshots, and makes it if it is missing. It removes a
// snapshot that a crash left half written.
func OpenFolder(fs vfs.FS, path string) (*Folder, error) {
	if err := durable.MakeFolder(fs, path); err != nil {
		return nil, err
	}
	return &Folder{fs, path}, durable.RemoveTemporary(fs, path, suffix)
}

// OpenFolderToRead opens a folder of snapshots that is only read.
func OpenFolderToRead(fs vfs.FS, path string) *Folder { return &Folder{durable.ReadOnly(fs), path} }

// Path returns the path of a snapshot.
func (f *Folder) Path(sequence uint64) string {
	return f.fs.PathJoin(f.path, fmt.Sprintf("%020d%s", sequence, suffix))
}

// Sequences returns which snapshots there are, newest first. They may be damaged.
func (f *Folder) Sequences() ([]uint64, error) {
	names, err := f.fs.List(f.path)
	if err != nil {
		return nil, fmt.Errorf("listing snapshots in %s: %w", f.path, err)
	}
	var sequences []uint64
	for _, name := range names {
		digits, ok := strings.CutSuffix(name, suffix)
		if sequence, err := strconv.ParseUint(digits, 10, 64); ok && err == nil {
			sequences = append(sequences, sequence)
		}
	}
	slices.Sort(sequences)
	slices.Reverse(sequences)
	return sequences, nil
}

// WrittenAt returns when a snapshot was written, in ns of Unix time, or 0 if it is not known.
func (f *Folder) WrittenAt(sequence uint64) int64 {
	info, err := f.fs.Stat(f.Path(sequence))
	if err != nil {
		return 0
	}
	return info.ModTime().UnixNano()
}

// Write makes a snapshot of the records that encode hands out, and reads it back before it gets
// its name. If it returns an error there is no new snapshot, or only the last fsync failed: then there
// may be one, which is whole.
func (f *Folder) Write(p chain.Position, encode func(emit func(record []byte) error) error) (size int64, err error) {
	err = durable.ReplaceFile(f.fs, f.Path(p.Sequence), durable.Mark{}, func(file io.Writer) error {
		buffered := bufio.NewWriterSize(file, bufferBytes)
		w := &writer{w: buffered}
		if err := w.all(p, encode); err != nil {
			return err
		}
		size = w.bytes
		return buffered.Flush()
	}, func(temporary string) error {
		if mutant.SnapshotNotReadBack {
			return nil
		}
		return f.verify(temporary, p, size)
	})
	if err != nil {
		return 0, err
	}
	return size, nil
}

// verify reads a file back that was written.
func (f *Folder) verify(path string, p chain.Position, size int64) error {
	file, err := f.open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	found, err := file.check()
	if err == nil && (found != p || file.size != size) {
		err = &CorruptionError{File: path, Err: errors.New("it is not what was written")}
	}
	return err
}

// Read hands out a snapshot's records, many at a time, with how many bytes of the file were read
// and how many it has. The next ones are read and checked meanwhile. A record is only valid during the call.
func (f *Folder) Read(sequence uint64, take func(records [][]byte, done, total int64) error) (chain.Position, error) {
	file, err := f.open(f.Path(sequence))
	if err != nil {
		return chain.Position{}, err
	}
	defer file.Close()
	position, err := file.readAhead(take)
	return position, file.mustBe(position, sequence, err)
}

// opened is the file of a snapshot.
type opened struct {
	vfs.File
	path string
	size int64 // in bytes
}

func (f *Folder) open(path string) (*opened, error) {
	file, err := f.fs.Open(path, vfs.SequentialReadsOption)
	if err != nil {
		return nil, fmt.Errorf("opening snapshot %s: %w", path, err)
	}
	stat, err := file.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening snapshot %s: %w", path, err), file.Close())
	}
	return &opened{file, path, stat.Size()}, nil
}

// whole returns all bytes of the file.
func (o *opened) whole() io.Reader { return io.NewSectionReader(o, 0, o.size) }

// mustBe returns err or, if that is nil and the file is of another batch than its name says, an error.
func (o *opened) mustBe(p chain.Position, sequence uint64, err error) error {
	if err == nil && p.Sequence != sequence {
		err = &CorruptionError{o.path, o.size, fmt.Errorf("it says that it is of batch %d", p.Sequence)}
	}
	return err
}

// check reads the file to its end.
func (o *opened) check() (chain.Position, error) {
	r := o.reader()
	position, err := r.all(func([]byte) error { return nil })
	if err != nil {
		return chain.Position{}, &CorruptionError{o.path, r.offset, err}
	}
	return position, nil
}

func (o *opened) reader() *reader { return &reader{r: o.whole(), buffer: make([]byte, bufferBytes)} }

func (r *reader) all(take func([]byte) error) (chain.Position, error) {
	position, err := r.header()
	if err == nil {
		err = r.rest(take)
	}
	return position, err
}

// rest hands out the records.
func (r *reader) rest(take func(record []byte) error) error {
	for {
		record, err := r.record()
		if err != nil || record == nil {
			return err
		}
		if err := take(record); err != nil {
			return err
		}
	}
}

// CopyTo puts all snapshots into a new folder. It must not run beside Write or Keep.
func (f *Folder) CopyTo(path string) error { return durable.CopyFolder(f.fs, f.path, path) }

// Keep removes all snapshots but the given ones.
func (f *Folder) Keep(sequences ...uint64) error {
	all, err := f.Sequences()
	for _, sequence := range all {
		if !slices.Contains(sequences, sequence) {
			err = errors.Join(err, f.remove(sequence))
		}
	}
	return err
}

func (f *Folder) remove(sequence uint64) error {
	path := f.Path(sequence)
	if err := f.fs.Remove(path); err != nil {
		return fmt.Errorf("removing snapshot %s: %w", path, err)
	}
	return nil
}

// CorruptionError says that a snapshot cannot be trusted, and where.
type CorruptionError struct {
	File   string
	Offset int64 // of the record at fault, or of the first that was taken together with it, in bytes
	Err    error
}

func (e *CorruptionError) Error() string {
	return fmt.Sprintf("snapshot %s is damaged at byte %d: %v", e.File, e.Offset, e.Err)
}

func (e *CorruptionError) Unwrap() error { return e.Err }
