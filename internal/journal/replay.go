package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"meterledger/internal/chain"
)

const sequenceBytes = 8

// key is a batch's sequence, so that Pebble's order is the order of the batches.
func key(sequence uint64) []byte { return binary.BigEndian.AppendUint64(nil, sequence) }

// Replay hands out every batch from the given sequence on, in order, checked. The
// first ever is 1, and 0 means 1. The payload is only valid during the call.
func (j *Journal) Replay(from uint64, apply func(sequence uint64, payload []byte) error) error {
	from = max(from, 1)
	links := j.linksFrom(from)
	err := j.batches(from, func(sequence uint64, batch []byte) error {
		if sequence != links.at.Sequence+1 {
			return fmt.Errorf("batch %d is missing", links.at.Sequence+1)
		}
		payload, err := links.next(batch)
		if err != nil {
			return err
		}
		return apply(sequence, payload)
	})
	if err != nil {
		return err
	}
	if links.at.Sequence < j.Last() {
		return j.damaged(links.at.Sequence+1, errMissing)
	}
	return nil
}

var errMissing = errors.New("batch is missing")

// links checks that batches follow one another. Nothing is known of the batch before the first.
type links struct {
	at    chain.Position // of the last one
	begun bool
}

func (j *Journal) linksFrom(first uint64) links {
	return links{at: chain.Position{Journal: j.begin.Journal, Sequence: first - 1}}
}

// next checks the next batch, and returns its payload.
func (l *links) next(batch []byte) (payload []byte, err error) {
	if !l.begun {
		if l.at.Hash, _, err = chain.Decode(batch, l.at.Journal, l.at.Sequence+1); err != nil {
			return nil, err
		}
		l.begun = true
	}
	if payload, err = l.at.Follow(batch); err != nil {
		return nil, err
	}
	l.at = l.at.After(batch)
	return payload, nil
}

// batches hands out what the log holds from a sequence on. An error says at which
// batch it came up.
func (j *Journal) batches(from uint64, take func(sequence uint64, batch []byte) error) (err error) {
	it, err := j.iterate(from)
	if err != nil {
		return err
	}
	defer it.Close()
	next := from
	for ok := it.First(); ok; ok = it.Next() {
		sequence, batch, err := j.read(it)
		if err != nil {
			return err
		}
		if err := take(sequence, batch); err != nil {
			return j.damaged(sequence, err)
		}
		next = sequence + 1
	}
	return j.damaged(next, it.Error())
}

// iterate looks at the batches from a sequence on. What the log still has of those before the
// journal's beginning is none of them.
func (j *Journal) iterate(from uint64) (*pebble.Iterator, error) {
	it, err := j.db.NewIter(&pebble.IterOptions{LowerBound: key(max(from, j.begin.Sequence+1))})
	if err != nil {
		return nil, fmt.Errorf("reading journal %s: %w", j.folder, err)
	}
	return it, nil
}

func (j *Journal) read(it *pebble.Iterator) (sequence uint64, batch []byte, err error) {
	if len(it.Key()) != sequenceBytes {
		return 0, nil, j.damaged(0, fmt.Errorf("key of %d bytes", len(it.Key())))
	}
	sequence = binary.BigEndian.Uint64(it.Key())
	batch, err = it.ValueAndErr()
	return sequence, shown(batch), j.damaged(sequence, err)
}

// edge returns the batch that an iterator over the sequences from one on is moved to:
// the oldest by First, the newest by Last; sequence 0 if there is none.
func (j *Journal) edge(from uint64, move func(*pebble.Iterator) bool) (sequence uint64, batch []byte, err error) {
	it, err := j.iterate(from)
	if err != nil {
		return 0, nil, err
	}
	defer it.Close()
	if !move(it) {
		return 0, nil, j.damaged(from, it.Error())
	}
	sequence, batch, err = j.read(it)
	return sequence, bytes.Clone(batch), err
}

func (j *Journal) findEnd() error {
	end := j.begin
	sequence, batch, err := j.edge(0, (*pebble.Iterator).Last)
	if err == nil && sequence > 0 {
		end.Sequence, end.Hash = sequence, chain.HashOf(batch)
	}
	j.setEnd(end)
	return err
}

// First returns the sequence of the oldest batch that is kept. If there is none it is 0, or that of the
// batch that must come first in a journal that begins behind a snapshot.
func (j *Journal) First() (sequence uint64, err error) {
	found := uint64(0)
	err = j.look(func() (err error) {
		found, _, err = j.edge(0, (*pebble.Iterator).First)
		return err
	})
	if err != nil {
		return 0, err // a look that has not returned may still write into found
	}
	if found == 0 && j.begin.Sequence > 0 {
		found = j.begin.Sequence + 1
	}
	return found, nil
}

// GoesOnFrom returns nil if a position lies in this journal's history and every
// batch after it is there, or else a *chain.CorruptionError.
func (j *Journal) GoesOnFrom(p chain.Position) error {
	if p.Journal != j.begin.Journal {
		return j.damaged(p.Sequence, fmt.Errorf("it is not the journal of batch %x", p.Hash[:4]))
	}
	if p.Sequence > j.Last() {
		return j.damaged(p.Sequence, fmt.Errorf("it ends with batch %d, but batch %d was on disk before", j.Last(), p.Sequence))
	}
	sequence, batch, err := j.edge(p.Sequence, (*pebble.Iterator).First)
	if err != nil || p == j.begin && sequence == 0 {
		return err
	}
	return j.damaged(p.Sequence, passes(p, sequence, batch))
}

// passes returns nil if the oldest batch from p on is p's own, or follows p because
// p's own was cut off.
func passes(p chain.Position, sequence uint64, batch []byte) (err error) {
	found := chain.HashOf(batch)
	switch sequence {
	case p.Sequence:
	case p.Sequence + 1:
		if found, _, err = chain.Decode(batch, p.Journal, sequence); err != nil {
			return err
		}
	default:
		return fmt.Errorf("batch %d is missing", p.Sequence+1)
	}
	if found != p.Hash {
		return fmt.Errorf("batch %d is another one than before: hash does not fit", p.Sequence)
	}
	return nil
}
