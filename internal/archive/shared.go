package archive

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/chain"
	"meterledger/internal/durable"
	"meterledger/internal/meter"
	"meterledger/internal/mutant"
)

// Several nodes may share a folder, of which one at a time writes: for a term. A node whose term is
// over may not know that yet, and nothing on a disk tells the others. So
//
//   - temporary names carry the term
//   - the runs of a term begin with Tidy, which removes the temporary files of all others
//   - between a new file that is complete and its rename the order of the nodes is asked
//     whether the term still goes on
//
// A file of a term that is over then takes its place before the next term's Tidy, or never: either its
// temporary file was there to be removed, or the order was asked when the next term had begun.
//
// The file CLUSTER says whose folder it is: the id of the nodes' journal in hex, and a line
// feed. A folder whose disk is not mounted has none.
const clusterName = "CLUSTER"

// term is in which files are written.
type term struct {
	mark   durable.Mark
	goesOn func() error // an error if it is over; nil in a folder of one program
}

// Share makes a folder that of the nodes of a journal, which must not run yet, unless it is so already. That of the
// nodes of another journal is refused.
func Share(fs vfs.FS, path string, journal chain.ID) error {
	if err := durable.MakeFolder(fs, path); err != nil {
		return fmt.Errorf("sharing the archive: %w", err)
	}
	if _, err := readCluster(fs, path); !errors.Is(err, os.ErrNotExist) {
		_, err := OpenShared(fs, path, nil, journal)
		return err
	}
	return durable.WriteFile(fs, fs.PathJoin(path, clusterName), func(w io.Writer) error {
		_, err := fmt.Fprintln(w, hex.EncodeToString(journal[:]))
		return err
	})
}

// Unshare makes a folder that nodes share that of one program. One without a mark is so already; that of
// the nodes of another journal is refused.
func Unshare(fs vfs.FS, path string, journal chain.ID) error {
	if _, err := readCluster(fs, path); !errors.Is(err, os.ErrNotExist) {
		if _, err := OpenShared(fs, path, nil, journal); err != nil {
			return err
		}
	}
	return durable.RemoveFile(fs, fs.PathJoin(path, clusterName))
}

// OpenShared returns a folder that the nodes of a journal share. It changes nothing in it, and does
// not create it: one without the right mark is refused.
func OpenShared(fs vfs.FS, path string, zone *meter.Zone, journal chain.ID) (*Folder, error) {
	mark, err := readCluster(fs, path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("%s has no file %s: mount the disk that the nodes share, or choose its folder with -archive-dir or ARCHIVE_DIR", path, clusterName)
	case err != nil:
		return nil, err
	case mark != hex.EncodeToString(journal[:])+"\n":
		return nil, fmt.Errorf("%s is shared by the nodes of another journal: choose the folder of these nodes with -archive-dir or ARCHIVE_DIR", path)
	}
	return &Folder{fs: fs, path: path, zone: zone}, nil
}

func checkAlone(fs vfs.FS, path string) error {
	_, err := readCluster(fs, path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("%s is shared by several nodes, as its file %s says, and this program would be alone: choose another folder with -archive-dir or ARCHIVE_DIR", path, clusterName)
}

func readCluster(fs vfs.FS, path string) (mark string, err error) {
	const sizeMax = 4096
	b, err := durable.ReadFile(fs, fs.PathJoin(path, clusterName), sizeMax)
	if err != nil {
		return "", fmt.Errorf("looking whether nodes share the archive: %w", err)
	}
	return string(b), nil
}

// In returns the folder as it is written in a term. What it writes asks goesOn, once it is complete
// and before it takes its place; an error of goesOn leaves the old file there.
func (f *Folder) In(mark durable.Mark, goesOn func() error) *Folder {
	in := *f
	in.term = term{mark, goesOn}
	return &in
}

// Tidy removes the temporary files of all other terms.
func (f *Folder) Tidy() error {
	if err := f.term.goesOn(); err != nil {
		return err
	}
	if mutant.FolderUntidied {
		return nil
	}
	err := durable.RemoveOthers(f.fs, f.path, f.term.mark, suffix, suffix+compressedSuffix, manifestSuffix)
	if err != nil && !durable.IsFull(err) {
		return unavailable("the archive folder cannot be tidied: see that its disk is mounted and well")
	}
	return err
}

// replace makes a file of the folder hold what write writes, whole or not at all; see
// durable.ReplaceFile.
func (f *Folder) replace(path string, write func(io.Writer) error, intend func(temporary string) error) error {
	return durable.ReplaceFile(f.fs, path, f.term.mark, write, func(temporary string) error {
		if err := intend(temporary); err != nil || f.term.goesOn == nil {
			return err
		}
		return f.term.goesOn()
	})
}
