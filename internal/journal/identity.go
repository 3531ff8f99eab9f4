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
	traceBytes      = 1 << 20 // read at once
)

// identity is the content of the JOURNAL file: {"id":"hexadecimal","last":7}.
//
// last is the newest batch when the journal was last opened or closed. Pebble takes
// damage in the last block of its log for the torn end that a power cut leaves, and
// damage in its list of tables for tables that never existed; either way batches
// would vanish without an error.
type identity struct {
	ID   string `json:"id"`
	Last uint64 `json:"last"`
}

// Exists reports whether a folder holds a journal, or what is left of one.
func Exists(fs vfs.FS, folder string) bool {
	_, err := fs.Stat(identityPath(fs, folder))
	return err == nil
}

// identify reads a journal's id and newest batch, or gives a new journal an id.
func identify(fs vfs.FS, folder string, exists bool) (id chain.ID, last uint64, err error) {
	b, err := durable.ReadFile(fs, identityPath(fs, folder), identitySizeMax)
	switch {
	case errors.Is(err, os.ErrNotExist) && !exists:
		_, _ = rand.Read(id[:]) // never fails
		return id, 0, writeIdentity(fs, folder, id, 0)
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return id, 0, err
	}
	var found identity
	if json.Unmarshal(b, &found) != nil || len(found.ID) != hex.EncodedLen(len(id)) {
		return id, 0, errIdentity(folder)
	}
	if _, err := hex.Decode(id[:], []byte(found.ID)); err != nil {
		return id, 0, errIdentity(folder)
	}
	return id, found.Last, nil
}

func errIdentity(folder string) error {
	return &chain.CorruptionError{Place: folder, Err: fmt.Errorf("its file %s is missing or cannot be read", identityName)}
}

func writeIdentity(fs vfs.FS, folder string, id chain.ID, last uint64) error {
	return durable.WriteFile(fs, identityPath(fs, folder), func(w io.Writer) error {
		return json.NewEncoder(w).Encode(identity{hex.EncodeToString(id[:]), last})
	})
}

func identityPath(fs vfs.FS, folder string) string { return fs.PathJoin(folder, identityName) }

// noteLast writes down which batch is the newest.
func (j *Journal) noteLast() error { return writeIdentity(j.fs, j.folder, j.id, j.Last()) }

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
		highest = max(highest, chain.HighestIn(buffer, j.id))
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
