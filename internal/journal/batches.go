package journal

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// CutError says that a batch is not in the journal any more.
type CutError struct {
	First uint64 // sequence of the oldest batch that is there
}

func (e *CutError) Error() string {
	return fmt.Sprintf("the journal begins with batch %d: what stands before it was cut", e.First)
}

// Batches hands out the batches behind a sequence as they were put, checked, in order, up to the
// one that is the newest when it is called. Each of them is on the disk, and take may keep it.
// It is a *CutError if the next one was cut, also while Batches runs, and a
// *chain.CorruptionError if the journal is damaged. An error of take is returned as it is.
//
// It holds nothing of the journal while take runs, however long that is.
func (j *Journal) Batches(after uint64, take func(batch []byte) error) error {
	links := j.linksFrom(after + 1)
	for last := j.Last(); links.at.Sequence < last; {
		sequence := links.at.Sequence + 1
		batch, err := j.batch(sequence)
		if err != nil {
			return err
		}
		if _, err := links.next(batch); err != nil {
			return j.damaged(sequence, err)
		}
		if err := take(batch); err != nil {
			return err
		}
	}
	return nil
}

// batch returns one batch.
func (j *Journal) batch(sequence uint64) ([]byte, error) {
	if sequence <= j.begin.Sequence {
		return nil, j.missing(sequence)
	}
	var found []byte
	err := j.look(func() error {
		value, closer, err := j.db.Get(key(sequence))
		if err != nil {
			return err
		}
		found = bytes.Clone(shown(value))
		return closer.Close()
	})
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		return nil, j.missing(sequence)
	case pebble.IsCorruptionError(err):
		return nil, j.damaged(sequence, err)
	case err != nil:
		return nil, fmt.Errorf("reading batch %d of journal %s: %w", sequence, j.folder, err)
	}
	return found, nil
}

// missing says why a batch is not there.
func (j *Journal) missing(sequence uint64) error {
	first, err := j.First()
	if err == nil && first > sequence {
		return &CutError{first}
	}
	if err == nil {
		err = j.damaged(sequence, errMissing)
	}
	return err
}

// look calls what reads the journal beside its writer.
func (j *Journal) look(call func() error) error {
	if err := j.Failure(); err != nil {
		return err
	}
	j.opening.RLock()
	defer j.opening.RUnlock()
	if j.closed {
		return fmt.Errorf("journal %s is closed", j.folder)
	}
	return j.fault.guard(call)
}
