package durable

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Mark tells the temporary files of programs that write into one folder apart:
// file.csv.7-00000000deadbeef.tmp. The zero Mark is that of the only program, and leaves
// no trace in a name.
type Mark struct {
	Term        uint64 // rises from writer to writer, and repeats if what counts it was put back from a copy
	Incarnation uint64 // drawn by the writer
}

// suffix is what follows the name of a file while it is being written.
func (m Mark) suffix() string {
	if m == (Mark{}) {
		return temporarySuffix
	}
	return fmt.Sprintf(".%d-%016x%s", m.Term, m.Incarnation, temporarySuffix)
}

// unmarked returns the name of the file that a temporary file is to become, and its mark.
func unmarked(temporary string) (name string, mark Mark, ok bool) {
	name, ok = strings.CutSuffix(temporary, temporarySuffix)
	if dot := strings.LastIndexByte(name, '.'); ok && dot >= 0 {
		_, err := fmt.Sscanf(name[dot:], ".%d-%x", &mark.Term, &mark.Incarnation)
		if err == nil && name[:dot]+mark.suffix() == temporary {
			return name[:dot], mark, true
		}
	}
	return name, Mark{}, ok
}

// probeName is what a program makes in a folder before it looks what others left there.
const probeName = "PROBE"

// RemoveOthers removes, from a folder that several programs write into in turn, the temporary
// files of all others, of names that end with one of the suffixes:
//
//  1. create and fsync a file of this program's own, and fsync the folder: a network file
//     system then forgets what it has cached of the folder's names
//  2. list the folder, and remove the others' temporary files
//  3. remove the file of 1, and fsync the folder
//
// Whoever has created a file before 2 cannot rename it after 3. One that is created meanwhile
// may be left: its program has to ask whether it still may, before it renames the file.
func RemoveOthers(fs vfs.FS, folder string, own Mark, suffixes ...string) error {
	probe := fs.PathJoin(folder, probeName+own.suffix())
	if err := writeSynced(fs, probe, func(io.Writer) error { return nil }); err != nil {
		return err
	}
	if err := SyncFolder(fs, folder); err != nil {
		return err
	}
	names, err := fs.List(folder)
	if err != nil {
		return fmt.Errorf("listing folder %s: %w", folder, err)
	}
	for _, temporary := range names {
		name, mark, ok := unmarked(temporary)
		isOurs := name == probeName || slices.ContainsFunc(suffixes, func(suffix string) bool { return strings.HasSuffix(name, suffix) })
		if !ok || !isOurs || mark == own {
			continue
		}
		if err := fs.Remove(fs.PathJoin(folder, temporary)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("removing %s from folder %s: %w", temporary, folder, err)
		}
	}
	if err := fs.Remove(probe); err != nil {
		return fmt.Errorf("removing %s: %w", probe, err)
	}
	return SyncFolder(fs, folder)
}
