package journal

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable/block"
	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/durable"
	"meterledger/internal/mutant"
)

// memTableBytes is how much Pebble gathers before it turns log into table. It
// is far above the largest batch, so that a batch is always written at once.
const memTableBytes = 32 << 20

// synced has a write return once it is on the disk.
var synced = &pebble.WriteOptions{Sync: !mutant.AnsweredBeforeFsync}

// Journal is an open log. One goroutine at a time may use it, but that Truncate
// and Shrink may run beside Append.
type Journal struct {
	fs       vfs.FS
	folder   string
	id       id
	db       *pebble.DB
	last     atomic.Uint64 // sequence of the newest batch; 0 where there is none
	previous hash          // of the newest batch
	buffer   []byte
	failing  *failing
}

// Position is a place in the history of a journal: behind a batch.
type Position struct {
	Journal  [idBytes]byte
	Sequence uint64 // of the batch; 0 is the beginning
	Hash     [sha256.Size]byte
}

// Open opens the journal in folder, or begins one. A torn last batch, which was
// never acknowledged, is dropped. Damage before it is an error, and changes nothing:
// the journal is looked at read-only first, because Pebble tidies up as it opens.
func Open(fs vfs.FS, folder string, log *slog.Logger) (*Journal, error) {
	if err := durable.MakeFolder(fs, folder); err != nil {
		return nil, err
	}
	found, err := pebble.Peek(folder, fs)
	if err != nil {
		return nil, fmt.Errorf("looking for journal %s: %w", folder, err)
	}
	known, err := identify(fs, folder, found.Exists)
	if err != nil {
		return nil, err
	}
	j := &Journal{fs: fs, folder: folder, id: known.id, failing: newFailing(log)}
	if found.Exists {
		if err := j.open(true); err != nil {
			return nil, err
		}
		if err := errors.Join(j.checkWhole(known), j.closeLog()); err != nil {
			return nil, err
		}
	}
	if err := j.open(false); err != nil {
		return nil, err
	}
	if err := j.noteLast(); err != nil {
		return nil, errors.Join(err, j.closeLog())
	}
	return j, nil
}

func (j *Journal) open(readOnly bool) error {
	err := j.failing.guard(func() (err error) {
		j.db, err = pebble.Open(j.folder, j.options(readOnly))
		return err
	})
	if pebble.IsCorruptionError(err) {
		return &CorruptionError{Folder: j.folder, Err: err}
	}
	if err != nil {
		return fmt.Errorf("opening journal %s: %w", j.folder, err)
	}
	if err := j.findLast(); err != nil {
		return errors.Join(err, j.closeLog())
	}
	return nil
}

func (j *Journal) options(readOnly bool) *pebble.Options {
	o := &pebble.Options{
		FS:                 pebbleFS{j.fs, j.failing},
		ReadOnly:           readOnly,
		Logger:             pebbleLog{j.failing},
		MemTableSize:       memTableBytes,
		FormatMajorVersion: pebble.FormatNewest,
		DisableTableStats:  true, // they are of use to compactions that a log never needs
		EventListener: &pebble.EventListener{DataCorruption: func(info pebble.DataCorruptionInfo) {
			// Whoever reads the damage gets it as an error; Pebble would end the process.
			j.failing.log.Error("journal is damaged", "file", info.Path, "error", info.Details)
		}},
	}
	for i := range o.Levels {
		o.Levels[i].Compression = func() *block.CompressionProfile { return block.NoCompression }
	}
	return o
}

func (j *Journal) findLast() error {
	it, err := j.db.NewIter(nil)
	if err != nil {
		return fmt.Errorf("reading journal %s: %w", j.folder, err)
	}
	defer it.Close()
	if !it.Last() {
		return j.unreadable(it.Error(), 0)
	}
	sequence, value, err := j.read(it)
	if err != nil {
		return err
	}
	j.previous = sha256.Sum256(value)
	j.last.Store(sequence)
	return nil
}

// Last returns the sequence of the newest batch, 0 where there is none.
func (j *Journal) Last() uint64 { return j.last.Load() }

// First returns the sequence of the oldest batch that is kept, 0 where there is none.
func (j *Journal) First() (sequence uint64, err error) {
	it, err := j.db.NewIter(nil)
	if err != nil {
		return 0, fmt.Errorf("reading journal %s: %w", j.folder, err)
	}
	defer it.Close()
	if !it.First() {
		return 0, j.unreadable(it.Error(), 0)
	}
	sequence, _, err = j.read(it)
	return sequence, err
}

// Position returns where the journal ends.
func (j *Journal) Position() Position {
	return Position{Journal: j.id, Sequence: j.Last(), Hash: j.previous}
}

// Append writes one batch and returns its sequence once the batch is on disk
// (fsynced). After an error nothing can be said about the batch, and the journal
// takes no more: a failed fsync is never tried again.
func (j *Journal) Append(payload []byte) (sequence uint64, err error) {
	if err := j.Failure(); err != nil {
		return 0, err
	}
	if len(payload) == 0 || len(payload) > PayloadBytesMax {
		panic(fmt.Sprintf("BUG: journal payload of %d bytes", len(payload)))
	}
	sequence = j.Last() + 1
	j.buffer = encode(j.buffer, j.id, sequence, j.previous, payload)
	err = j.failing.guard(func() error { return j.db.Set(key(sequence), j.buffer, synced) })
	if err != nil {
		j.failing.tell(err)
		return 0, fmt.Errorf("writing batch %d of journal %s: %w", sequence, j.folder, err)
	}
	j.last.Store(sequence)
	j.previous = sha256.Sum256(j.buffer)
	return sequence, nil
}

// Replay hands out every batch from the given sequence on, in order, checked. The
// first ever is 1, and 0 means 1. The payload is only valid during the call.
func (j *Journal) Replay(from uint64, apply func(sequence uint64, payload []byte) error) (err error) {
	expected := max(from, 1)
	it, err := j.db.NewIter(&pebble.IterOptions{LowerBound: key(expected)})
	if err != nil {
		return fmt.Errorf("reading journal %s: %w", j.folder, err)
	}
	defer it.Close()
	var before *hash // of the batch before; not known of the first
	for ok := it.First(); ok; ok = it.Next() {
		sequence, value, err := j.read(it)
		if err != nil {
			return err
		}
		payload, err := j.follow(value, sequence, expected, before)
		if err == nil {
			err = apply(sequence, payload)
		}
		if err != nil {
			return &CorruptionError{Folder: j.folder, Sequence: sequence, Err: err}
		}
		sum := hash(sha256.Sum256(value))
		expected, before = sequence+1, &sum
	}
	if err := j.unreadable(it.Error(), expected); err != nil {
		return err
	}
	if expected <= j.Last() {
		return &CorruptionError{Folder: j.folder, Sequence: expected, Err: errors.New("batch is missing")}
	}
	return nil
}

// follow checks that a batch is the next one and returns its payload.
func (j *Journal) follow(value []byte, sequence, expected uint64, before *hash) ([]byte, error) {
	previous, payload, err := decode(value, j.id, sequence)
	switch {
	case err != nil:
		return nil, err
	case sequence != expected:
		return nil, fmt.Errorf("batch %d is missing", expected)
	case before != nil && previous != *before:
		return nil, errors.New("batch does not follow the one before it: hash does not fit")
	}
	return payload, nil
}

func (j *Journal) read(it *pebble.Iterator) (sequence uint64, value []byte, err error) {
	if len(it.Key()) != sequenceBytes {
		return 0, nil, &CorruptionError{Folder: j.folder, Err: fmt.Errorf("key of %d bytes", len(it.Key()))}
	}
	sequence = binary.BigEndian.Uint64(it.Key())
	value, err = it.ValueAndErr()
	if err != nil {
		return sequence, nil, &CorruptionError{Folder: j.folder, Sequence: sequence, Err: err}
	}
	return sequence, value, nil
}

// unreadable says of an error while reading at a batch, if there is one, where it was.
func (j *Journal) unreadable(err error, sequence uint64) error {
	if err == nil {
		return nil
	}
	return &CorruptionError{Folder: j.folder, Sequence: sequence, Err: err}
}

// GoesOnFrom returns nil where a position lies in this journal's history and every
// batch behind it is there, or else a *CorruptionError.
func (j *Journal) GoesOnFrom(p Position) (err error) {
	damaged := func(format string, args ...any) error {
		return &CorruptionError{Folder: j.folder, Sequence: p.Sequence, Err: fmt.Errorf(format, args...)}
	}
	if p.Journal != j.id {
		return damaged("it is not the journal of batch %x", p.Hash[:4])
	}
	if p.Sequence > j.Last() {
		return damaged("it ends with batch %d, but batch %d was on disk before", j.Last(), p.Sequence)
	}
	it, err := j.db.NewIter(&pebble.IterOptions{LowerBound: key(p.Sequence)})
	if err != nil {
		return fmt.Errorf("reading journal %s: %w", j.folder, err)
	}
	defer it.Close()
	if !it.First() {
		return j.unreadable(it.Error(), p.Sequence)
	}
	sequence, value, err := j.read(it)
	if err != nil {
		return err
	}
	found := hash(sha256.Sum256(value))
	if sequence == p.Sequence+1 { // the batch itself was cut off
		if found, _, err = decode(value, j.id, sequence); err != nil {
			return damaged("%w", err)
		}
	} else if sequence != p.Sequence {
		return damaged("batch %d is missing", p.Sequence+1)
	}
	if found != p.Hash {
		return damaged("batch %d is another one than before: hash does not fit", p.Sequence)
	}
	return nil
}

// Truncate drops the batches before the given sequence, but never the newest
// one, which the next has to follow. What they said must be safe elsewhere. After
// an error the journal cannot be trusted to take more.
func (j *Journal) Truncate(before uint64) (err error) {
	if err := j.Failure(); err != nil {
		return err
	}
	before = min(before, j.Last())
	err = j.failing.guard(func() error { return j.db.DeleteRange(key(0), key(before), pebble.Sync) })
	if err != nil {
		j.failing.tell(err)
		return fmt.Errorf("cutting journal %s before batch %d: %w", j.folder, before, err)
	}
	return nil
}

// Shrink gives back the space of what was truncated before a sequence.
func (j *Journal) Shrink(ctx context.Context, before uint64) error {
	if err := j.Failure(); err != nil {
		return err
	}
	err := j.failing.guard(func() error { return j.db.Compact(ctx, key(0), key(before), false) })
	if err != nil {
		return fmt.Errorf("shrinking journal %s: %w", j.folder, err)
	}
	return nil
}

// Failed is closed when nothing can be written any more. It may be long after what
// could not be: Pebble also works behind the journal's back.
func (j *Journal) Failed() <-chan struct{} { return j.failing.done }

// Failure says why, once Failed is closed.
func (j *Journal) Failure() error { return j.failing.failure() }

// Close ends the use of the journal. Everything that was appended is on disk already.
func (j *Journal) Close() error {
	if err := j.Failure(); err != nil {
		return err // nothing may be asked of Pebble any more
	}
	return errors.Join(j.noteLast(), j.closeLog())
}

func (j *Journal) closeLog() error { return j.failing.guard(func() error { return j.db.Close() }) }

const sequenceBytes = 8

func key(sequence uint64) []byte { return binary.BigEndian.AppendUint64(nil, sequence) }

// CorruptionError says that the journal cannot be trusted, and where.
type CorruptionError struct {
	Folder   string
	Sequence uint64 // of the batch at fault; 0 where it is not known
	Err      error
}

func (e *CorruptionError) Error() string {
	return fmt.Sprintf("journal %s is damaged at batch %d: %v; nothing was changed: put back a copy of the data folder; "+
		"without one, begin a new folder, register the meters, and POST /restore_data", e.Folder, e.Sequence, e.Err)
}

func (e *CorruptionError) Unwrap() error { return e.Err }
