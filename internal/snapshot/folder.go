// Package snapshot keeps files of the whole state at a position of the journal,
// so that a restart need not replay all history.
//
// The package sees a snapshot as records of bytes. It refuses a snapshot that is not
// whole and unaltered: every record carries its number and a checksum, the file ends
// with a mark, and a snapshot counts only once it was read back.
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
	bufferBytes = 1 << 20
)

// Folder is where snapshots are kept, one file each: 00000000000000000123.snapshot
// holds the state after batch 123. One goroutine at a time may use it.
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

// Write makes a snapshot of the records that encode hands out, and reads it back.
// If it returns an error there is no new snapshot.
func (f *Folder) Write(p chain.Position, encode func(emit func(record []byte) error) error) (size int64, err error) {
	path := f.Path(p.Sequence)
	err = durable.WriteFile(f.fs, path, func(file io.Writer) error {
		buffered := bufio.NewWriterSize(file, bufferBytes)
		w := &writer{w: buffered}
		if err := w.all(p, encode); err != nil {
			return err
		}
		size = w.bytes
		return buffered.Flush()
	})
	if err != nil {
		return 0, err
	}
	if err := f.verify(p, size); err != nil && !mutant.SnapshotNotReadBack {
		return 0, errors.Join(err, f.remove(p.Sequence))
	}
	return size, nil
}

func (f *Folder) verify(p chain.Position, size int64) error {
	read := int64(0)
	found, err := f.Read(p.Sequence, func(_ []byte, done, _ int64) error {
		read = done
		return nil
	})
	if err == nil && (found != p || read+frameBytes != size) {
		err = &CorruptionError{File: f.Path(p.Sequence), Err: errors.New("it is not what was written")}
	}
	return err
}

// Read hands out a snapshot's records, with how many bytes of the file were read
// and how many it has. A record is only valid during the call.
func (f *Folder) Read(sequence uint64, take func(record []byte, done, total int64) error) (chain.Position, error) {
	path := f.Path(sequence)
	file, err := f.fs.Open(path, vfs.SequentialReadsOption)
	if err != nil {
		return chain.Position{}, fmt.Errorf("opening snapshot %s: %w", path, err)
	}
	defer file.Close()
	stat, err := file.Stat()
	if err != nil {
		return chain.Position{}, fmt.Errorf("opening snapshot %s: %w", path, err)
	}
	r := &reader{r: bufio.NewReaderSize(file, bufferBytes)}
	position, err := r.all(func(record []byte) error { return take(record, r.offset, stat.Size()) })
	if err == nil && position.Sequence != sequence {
		err = fmt.Errorf("it says that it is of batch %d", position.Sequence)
	}
	if err != nil {
		return chain.Position{}, &CorruptionError{path, r.offset, err}
	}
	return position, nil
}

func (r *reader) all(take func([]byte) error) (chain.Position, error) {
	position, err := r.header()
	if err != nil {
		return chain.Position{}, err
	}
	for {
		record, err := r.record()
		if err != nil || record == nil {
			return position, err
		}
		if err := take(record); err != nil {
			return chain.Position{}, err
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
	Offset int64 // of the record at fault, in bytes
	Err    error
}

func (e *CorruptionError) Error() string {
	return fmt.Sprintf("snapshot %s is damaged at byte %d: %v", e.File, e.Offset, e.Err)
}

func (e *CorruptionError) Unwrap() error { return e.Err }
