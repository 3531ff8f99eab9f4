// Package journal is the durable log of what the system has accepted: batches
// in the order they were committed, each of them on disk before Append returns. On a node of
// several it is the copy of an order that all of them share: Put takes batches as others made
// them, and Batches hands them on.
//
// Pebble keeps the log: the key is a batch's sequence, the value the batch. Pebble
// frames, checksums, mends the torn tail that a power cut leaves and drops old files;
// this package adds what a log must prove about itself. Each batch is a link of a chain
// (package chain), so a batch that was lost, doubled, moved or altered is found when
// the log is read, and reading stops with an error that names the place.
package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/chain"
	"meterledger/internal/durable"
	"meterledger/internal/mutant"
)

// synced makes a write return once it is on the disk.
var synced = &pebble.WriteOptions{Sync: !mutant.AnsweredBeforeFsync}

// Journal is an open log. One goroutine at a time may use it, with these exceptions. Beside the
// one that writes (Append, Put, PutAll), another may cut it (Truncate, Shrink), and any number may
// look at it: Batches, First, Last, DiskBytes, Failed and Failure. Those may also run beside
// BeginWriting and Close.
type Journal struct {
	fs     vfs.FS
	folder string
	db     *pebble.DB
	begin  chain.Position // that the first batch follows: the beginning, or that of a snapshot
	end    chain.Position // of the newest batch
	last   atomic.Uint64  // end.Sequence, for Truncate
	buffer []byte         // holds a batch while it is written
	fault  *fault

	readOnly bool         // BeginWriting was not called yet
	opening  sync.RWMutex // guards db and closed against those who look at the journal
	closed   bool
}

// Open opens the journal in folder, or begins one. A torn last batch, which was
// never acknowledged, is dropped. Damage before it is an error, and changes nothing:
// the journal is looked at read-only first, because Pebble tidies up as it opens.
func Open(fs vfs.FS, folder string, log *slog.Logger) (*Journal, error) {
	j, err := OpenReadOnly(fs, folder, log)
	if err != nil {
		return nil, err
	}
	return j, j.BeginWriting()
}

// OpenReadOnly is Open without room on the disk: a journal that is there can be read, and
// takes batches after BeginWriting.
func OpenReadOnly(fs vfs.FS, folder string, log *slog.Logger) (*Journal, error) {
	if err := durable.MakeFolder(fs, folder); err != nil {
		return nil, err
	}
	found, err := pebble.Peek(folder, fs)
	if err != nil {
		return nil, fmt.Errorf("looking for journal %s: %w", folder, err)
	}
	begin, last, err := identify(fs, folder, found.Exists)
	if err != nil {
		return nil, err
	}
	j := newJournal(fs, folder, begin, log)
	j.setEnd(begin)
	if found.Exists {
		err = j.openWhole(last)
	}
	if err != nil {
		return nil, err
	}
	return j, nil
}

// OpenToRead opens a journal that is only read, and changes nothing.
func OpenToRead(fs vfs.FS, folder string, log *slog.Logger) (*Journal, error) {
	begin, last, err := identify(fs, folder, true)
	if err != nil {
		return nil, err
	}
	j := newJournal(durable.ReadOnly(fs), folder, begin, log)
	return j, j.openWhole(last)
}

func newJournal(fs vfs.FS, folder string, begin chain.Position, log *slog.Logger) *Journal {
	return &Journal{fs: fs, folder: fs.PathJoin(folder), begin: begin, fault: newFault(log), readOnly: true}
}

// openWhole opens the journal to be read, and makes sure that nothing was lost; last is a
// batch that was on disk.
func (j *Journal) openWhole(last uint64) error {
	if err := j.open(true); err != nil {
		return err
	}
	if err := j.checkWhole(last); err != nil {
		return errors.Join(err, j.closeLog())
	}
	return nil
}

// BeginWriting makes a journal that was opened read-only take batches. An error is final, as
// that of Append.
func (j *Journal) BeginWriting() (err error) {
	if !j.readOnly {
		return nil
	}
	j.opening.Lock()
	defer j.opening.Unlock()
	if j.db != nil {
		err = j.closeLog()
	}
	if err == nil {
		err = j.open(false)
	}
	if err == nil {
		j.readOnly = false
		if err = j.noteLast(); err != nil {
			err = errors.Join(err, j.closeLog())
		}
	}
	if err != nil {
		j.fault.tell(err)
	}
	return err
}

// BeginningBytes returns about how much room on the disk BeginWriting needs: Pebble makes
// tables of its log.
func (j *Journal) BeginningBytes() (bytes uint64, err error) {
	names, err := j.fs.List(j.folder)
	if err != nil {
		return 0, fmt.Errorf("listing journal %s: %w", j.folder, err)
	}
	bytes = 1 << 20 // for its lists
	for _, name := range names {
		if !strings.HasSuffix(name, logSuffix) {
			continue
		}
		stat, err := j.fs.Stat(j.fs.PathJoin(j.folder, name))
		if err != nil {
			return 0, fmt.Errorf("looking at journal file %s: %w", name, err)
		}
		bytes += uint64(stat.Size())
	}
	return bytes, nil
}

func (j *Journal) open(readOnly bool) error {
	err := j.fault.guard(func() (err error) {
		j.db, err = pebble.Open(j.folder, j.options(readOnly))
		return err
	})
	if pebble.IsCorruptionError(err) {
		return j.damaged(0, err)
	}
	if err != nil {
		return fmt.Errorf("opening journal %s: %w", j.folder, err)
	}
	if err := j.findEnd(); err != nil {
		return errors.Join(err, j.closeLog())
	}
	return nil
}

// Last returns the sequence of the newest batch, or of the one that the journal begins behind;
// 0 is the beginning.
func (j *Journal) Last() uint64 { return j.last.Load() }

// End returns the position that the next batch follows.
func (j *Journal) End() chain.Position { return j.end }

func (j *Journal) setEnd(p chain.Position) {
	j.end = p
	j.last.Store(p.Sequence)
}

// Append writes one batch and returns its end once the batch is on disk (fsynced).
// After an error nothing can be said about the batch, and the journal takes no more:
// a failed fsync is never tried again.
func (j *Journal) Append(payload []byte) (end chain.Position, err error) {
	if err := j.Failure(); err != nil {
		return j.end, err
	}
	if len(payload) == 0 || len(payload) > chain.PayloadBytesMax {
		panic(fmt.Sprintf("BUG: journal payload of %d bytes", len(payload)))
	}
	j.buffer = chain.Encode(j.buffer, j.end, payload)
	sequence := j.end.Sequence + 1
	if err := j.write(func() error { return j.db.Set(key(sequence), j.buffer, synced) }); err != nil {
		return j.end, err
	}
	j.setEnd(j.end.After(j.buffer))
	return j.end, nil
}

// write calls what puts the next batches on the disk. An error is final.
func (j *Journal) write(set func() error) error {
	err := j.fault.guard(set)
	if err != nil {
		j.fault.tell(err)
		return fmt.Errorf("writing batch %d of journal %s: %w", j.end.Sequence+1, j.folder, err)
	}
	return nil
}

// Truncate drops the batches before the given sequence, but never the newest
// one, which the next has to follow. The caller must have their content safe elsewhere.
// An error is final, as that of Append.
func (j *Journal) Truncate(before uint64) (err error) {
	if err := j.Failure(); err != nil {
		return err
	}
	before = min(before, j.Last())
	err = j.fault.guard(func() error { return j.db.DeleteRange(key(0), key(before), pebble.Sync) })
	if err != nil {
		j.fault.tell(err)
		return fmt.Errorf("cutting journal %s before batch %d: %w", j.folder, before, err)
	}
	return nil
}

// Shrink gives back the space of what was truncated before a sequence.
func (j *Journal) Shrink(ctx context.Context, before uint64) error {
	if err := j.Failure(); err != nil {
		return err
	}
	err := j.fault.guard(func() error { return j.db.Compact(ctx, key(0), key(before), false) })
	if err != nil {
		return fmt.Errorf("shrinking journal %s: %w", j.folder, err)
	}
	return nil
}

// DiskBytes returns how much of the disk the journal takes.
func (j *Journal) DiskBytes() uint64 {
	j.opening.RLock()
	defer j.opening.RUnlock()
	return j.db.Metrics().DiskSpaceUsage()
}

// Failed is closed when nothing can be written any more. That may happen between two
// calls: Pebble also works in the background.
func (j *Journal) Failed() <-chan struct{} { return j.fault.done }

// Failure says why, once Failed is closed.
func (j *Journal) Failure() error { return j.fault.failure() }

// Close ends the use of the journal. Everything that was appended is on disk already.
func (j *Journal) Close() error {
	if err := j.Failure(); err != nil {
		return err // nothing may be asked of Pebble any more
	}
	j.opening.Lock()
	defer j.opening.Unlock()
	j.closed = true
	switch {
	case j.db == nil: // nothing was ever written
		return nil
	case j.readOnly:
		return j.closeLog()
	}
	return errors.Join(unlessFull(j.noteLast()), unlessFull(j.closeLog()))
}

// unlessFull passes over a full disk at the end of the use of a journal: what was noted and
// written before still holds, as after a kill.
func unlessFull(err error) error {
	if durable.IsFull(err) {
		return nil
	}
	return err
}

func (j *Journal) closeLog() error { return j.fault.guard(func() error { return j.db.Close() }) }

// damaged says where the journal cannot be trusted, and why; nil if err is nil.
func (j *Journal) damaged(sequence uint64, err error) error {
	if err == nil {
		return nil
	}
	return &chain.CorruptionError{Place: j.folder, Sequence: sequence, Err: err}
}
