package journal

import (
	"bytes"
	"errors"
	"fmt"

	"meterledger/internal/chain"
)

// Put writes a batch that was made elsewhere, byte for byte, and returns once it is on disk. A
// batch that is not the next one is an error that changes nothing. All other errors are those
// of Append.
func (j *Journal) Put(batch []byte) error { return j.PutAll([][]byte{batch}) }

// PutAll is Put for several batches with one fsync. After a power cut either all of them are
// there or none. They are held in memory once more, so some MiB at a time are right.
func (j *Journal) PutAll(batches [][]byte) error {
	if err := j.Failure(); err != nil {
		return err
	}
	end, err := j.follow(batches)
	if err != nil || end == j.end {
		return err
	}
	together := j.db.NewBatch() // of copies
	for i, batch := range batches {
		if i > 0 {
			batch = hidden(batch)
		}
		if err := together.Set(key(j.end.Sequence+1+uint64(i)), batch, nil); err != nil {
			return fmt.Errorf("gathering batches for journal %s: %w", j.folder, err)
		}
	}
	if err := j.write(func() error { return errors.Join(together.Commit(synced), together.Close()) }); err != nil {
		return err
	}
	j.setEnd(end)
	return nil
}

// follow returns the end of batches, if they go on from the end of the journal.
func (j *Journal) follow(batches [][]byte) (end chain.Position, err error) {
	end = j.end
	for _, batch := range batches {
		payload, err := end.Follow(batch)
		if err == nil && len(payload) > chain.PayloadBytesMax {
			err = fmt.Errorf("batch has %d bytes, and no journal takes more than %d", len(payload), chain.PayloadBytesMax)
		}
		if err != nil {
			return end, fmt.Errorf("putting batch %d into journal %s: %w", end.Sequence+1, j.folder, err)
		}
		end = end.After(batch)
	}
	return end, nil
}

// hiddenBit is set in the first byte of a batch whose sign the log must not show. The magic of a
// batch has only bytes without it.
const hiddenBit = 0x80

// hidden returns a batch as it is stored if it was put together with the one before it: its first
// byte is inverted. To checkWhole the sign of a batch in the log proves that the batch before it
// was on the disk. Of those that were written together that is true of the first alone.
func hidden(batch []byte) []byte {
	b := bytes.Clone(batch)
	b[0] = ^b[0]
	return b
}

// shown returns a stored batch as it was put.
func shown(stored []byte) []byte {
	if len(stored) == 0 || stored[0]&hiddenBit == 0 {
		return stored
	}
	return hidden(stored)
}
