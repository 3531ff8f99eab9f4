package journal

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/chain"
	"meterledger/internal/durable"
)

const (
	identityName    = "JOURNAL"
	identitySizeMax = 4096
	logSuffix       = ".log"
	traceBytes      = 256 << 10 // read at once
)

// identity is the content of the JOURNAL file: {"id":"hexadecimal","last":7}, and of a journal
// that begins behind a snapshot {"id":"hexadecimal","last":107,"begin":100,"hash":"hexadecimal"}.
//
// last is the newest batch when the journal was last opened or closed. Pebble takes
// damage in the last block of its log for the torn end that a power cut leaves, and
// damage in its list of tables for tables that never existed; either way batches
// would vanish without an error.
type identity struct {
	ID   string `json:"id"`
	Last uint64 `json:"last"`

	Begin uint64 `json:"begin,omitzero"` // sequence of the batch that the journal begins behind
	Hash  string `json:"hash,omitzero"`  // of that batch
}

// Exists reports whether a folder holds a journal, or what is left of one.
func Exists(fs vfs.FS, folder string) bool {
	_, err := fs.Stat(identityPath(fs, folder))
	return err == nil
}

// identify reads where a journal begins and its newest batch, or gives a new journal an id.
func identify(fs vfs.FS, folder string, exists bool) (begin chain.Position, last uint64, err error) {
	b, err := durable.ReadFile(fs, identityPath(fs, folder), identitySizeMax)
	switch {
	case errors.Is(err, os.ErrNotExist) && !exists:
		_, _ = rand.Read(begin.Journal[:]) // never fails
		return begin, 0, writeIdentity(fs, folder, begin, 0)
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return begin, 0, err
	}
	var found identity
	err = json.Unmarshal(b, &found)
	if err == nil {
		err = unhex(begin.Journal[:], found.ID)
	}
	if begin.Sequence = found.Begin; err == nil && begin.Sequence > 0 {
		err = unhex(begin.Hash[:], found.Hash)
	}
	if err != nil {
		return begin, 0, errIdentity(folder)
	}
	return begin, found.Last, nil
}

// unhex fills b with what a text says in hexadecimal digits.
func unhex(b []byte, text string) error {
	if len(text) != hex.EncodedLen(len(b)) {
		return hex.ErrLength
	}
	_, err := hex.Decode(b, []byte(text))
	return err
}

func errIdentity(folder string) error {
	return &chain.CorruptionError{Place: folder, Err: fmt.Errorf("its file %s is missing or cannot be read", identityName)}
}

func writeIdentity(fs vfs.FS, folder string, begin chain.Position, last uint64) error {
	i := identity{ID: hex.EncodeToString(begin.Journal[:]), Last: last, Begin: begin.Sequence}
	if i.Begin > 0 {
		i.Hash = hex.EncodeToString(begin.Hash[:])
	}
	return durable.WriteFile(fs, identityPath(fs, folder), func(w io.Writer) error { return json.NewEncoder(w).Encode(i) })
}

func identityPath(fs vfs.FS, folder string) string { return fs.PathJoin(folder, identityName) }

// noteLast writes down which batch is the newest.
func (j *Journal) noteLast() error { return writeIdentity(j.fs, j.folder, j.begin, j.Last()) }

// checkWhole makes sure that the journal does not end before a batch that is known to
// have been on disk; last is one.
func (j *Journal) checkWhole(last uint64) error {
	if j.Last() < last {
		return j.damaged(j.Last()+1, fmt.Errorf("it ends with batch %d, but batch %d was on disk before", j.Last(), last))
	}
	traced, err := j.traces()
	if err != nil {
		return err
	}
	if j.Last()+1 < traced {
		return j.damaged(j.Last()+1, fmt.Errorf("it ends with batch %d, but its log shows batch %d, which was only written when all before it were on disk",
			j.Last(), traced))
	}
	return nil
}

// traces returns the highest sequence of any batch whose header is whole in the log
// files, however damaged the bytes around it are; 0 if there is none.
//
// A batch is written only after the one before it was fsynced. So if there is a trace of
// batch n and the journal lacks batch n-1, Pebble has taken damage for the torn end that
// a power cut leaves, and dropped what follows it.
func (j *Journal) traces() (highest uint64, err error) {
	names, err := j.fs.List(j.folder)
	if err != nil {
		return 0, fmt.Errorf("listing journal %s: %w", j.folder, err)
	}
	for _, name := range names {
		if !strings.HasSuffix(name, logSuffix) {
			continue
		}
		f, err := j.fs.Open(j.fs.PathJoin(j.folder, name))
		if err != nil {
			return 0, fmt.Errorf("opening journal file %s: %w", name, err)
		}
		sequence, err := j.tracesIn(f)
		if err = errors.Join(err, f.Close()); err != nil {
			return 0, fmt.Errorf("reading journal file %s: %w", name, err)
		}
		highest = max(highest, sequence)
	}
	return highest, nil
}

func (j *Journal) tracesIn(r io.Reader) (highest uint64, err error) {
	buffer := make([]byte, 0, traceBytes+chain.HeaderBytes)
	for {
		n, err := io.ReadFull(r, buffer[len(buffer):len(buffer)+traceBytes])
		buffer = buffer[:len(buffer)+n]
		highest = max(highest, chain.HighestIn(buffer, j.begin.Journal))
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return highest, nil
		}
		if err != nil {
			return 0, err
		}
		// A header may lie across two reads.
		buffer = append(buffer[:0], buffer[len(buffer)-chain.HeaderBytes+1:]...)
	}
}
