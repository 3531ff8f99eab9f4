package journal

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/durable"
)

const (
	identityName    = "JOURNAL"
	identitySizeMax = 4096
	idBytes         = 16
)

// id tells a journal's batches from everything else. It is random, so that
// nobody who sends readings can write what looks like a batch.
type id [idBytes]byte

// identity is the content of the JOURNAL file: {"id":"hexadecimal","last":7}.
//
// last is the newest batch when the journal was opened or closed last. Pebble
// takes damage in the last block of its log for what a power cut tore, and damage
// in its list of tables for tables that were never there; either way batches
// would be gone without a word.
type identity struct {
	id   id
	last uint64
}

// Exists reports whether a folder holds a journal, or what is left of one.
func Exists(fs vfs.FS, folder string) bool {
	_, err := fs.Stat(identityPath(fs, folder))
	return err == nil
}

type identityJSON struct {
	ID   string `json:"id"`
	Last uint64 `json:"last"`
}

// identify reads a journal's identity, or gives a new journal one.
func identify(fs vfs.FS, folder string, exists bool) (identity, error) {
	b, err := durable.ReadFile(fs, identityPath(fs, folder), identitySizeMax)
	switch {
	case errors.Is(err, os.ErrNotExist) && !exists:
		var fresh identity
		_, _ = rand.Read(fresh.id[:]) // never fails
		return fresh, fresh.write(fs, folder)
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return identity{}, err
	}
	var found identityJSON
	var known identity
	if json.Unmarshal(b, &found) != nil || len(found.ID) != 2*idBytes {
		return identity{}, errIdentity(folder)
	}
	if _, err := hex.Decode(known.id[:], []byte(found.ID)); err != nil {
		return identity{}, errIdentity(folder)
	}
	known.last = found.Last
	return known, nil
}

func errIdentity(folder string) error {
	return &CorruptionError{Folder: folder, Err: fmt.Errorf("its file %s is missing or cannot be read", identityName)}
}

func (i identity) write(fs vfs.FS, folder string) error {
	return durable.WriteFile(fs, identityPath(fs, folder), func(w io.Writer) error {
		return json.NewEncoder(w).Encode(identityJSON{hex.EncodeToString(i.id[:]), i.last})
	})
}

func identityPath(fs vfs.FS, folder string) string { return fs.PathJoin(folder, identityName) }

// noteLast writes down which batch is the newest.
func (j *Journal) noteLast() error { return identity{j.id, j.Last()}.write(j.fs, j.folder) }
