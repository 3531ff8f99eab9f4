// Package chain is the format of the journal: batches, each of which names the one
// before it by its hash, and positions among them. From a position, a reader can check
// that a batch is the next one, wherever it comes from: a batch that was lost, doubled,
// moved or altered does not follow.
//
// The chain sees what a batch holds as bytes.
package chain

import (
	"crypto/sha256"
	"errors"
	"fmt"
)

// ID tells the batches of one journal from everything else. It is random, so that
// nobody who sends readings can write what looks like a batch.
type ID [16]byte

// Hash identifies a batch and, through the hashes before it, all history.
type Hash [sha256.Size]byte

// HashOf returns the hash of a whole batch.
func HashOf(batch []byte) Hash { return sha256.Sum256(batch) }

// Position is a place in the history of a journal: the end of a batch.
type Position struct {
	Journal  ID
	Sequence uint64 // of the batch; 0 is the beginning
	Hash     Hash   // of the batch; zero at the beginning
}

// After returns the position after the next batch.
func (p Position) After(batch []byte) Position {
	return Position{Journal: p.Journal, Sequence: p.Sequence + 1, Hash: HashOf(batch)}
}

// Follow checks that a batch is the next one, and returns its payload.
func (p Position) Follow(batch []byte) (payload []byte, err error) {
	previous, payload, err := Decode(batch, p.Journal, p.Sequence+1)
	if err == nil && previous != p.Hash {
		err = errors.New("batch does not follow the one before it: hash does not fit")
	}
	return payload, err
}

// CorruptionError says that a journal cannot be trusted, and where.
type CorruptionError struct {
	Place    string // that holds the journal: its folder
	Sequence uint64 // of the batch at fault; 0 if it is not known
	Err      error
}

func (e *CorruptionError) Error() string {
	return fmt.Sprintf("journal %s is damaged at batch %d: %v; nothing was changed: put back a copy of the data folder; "+
		"without one, begin a new folder, register the meters, and POST /restore_data", e.Place, e.Sequence, e.Err)
}

func (e *CorruptionError) Unwrap() error { return e.Err }
