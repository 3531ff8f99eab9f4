// Package archive keeps readings as CSV files that people and programs can read
// for as long as there are files: one file a day and one a month, rows sorted by
// meter and time.
//
// Archiving is a merge: the file that is there and what memory holds become one
// new file, which takes the old one's place in one step. Doing it again changes
// nothing. Everything streams, a meter at a time, and because the rows are sorted
// one meter is found in a month of a nation by bisection, without an index.
package archive

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/durable"
	"meterledger/internal/meter"
)

const (
	dailyPrefix   = "daily_"
	monthlyPrefix = "monthly_"
	suffix        = ".csv"
	// compressedSuffix follows the name of a compressed file. Callers give the name
	// without it and get the file that is there.
	compressedSuffix = ".zst"
)

// Name returns the name of a period's file.
func Name(p meter.Period) string {
	if p.IsMonth() {
		return monthlyPrefix + p.String() + suffix
	}
	return dailyPrefix + p.String() + suffix
}

// PeriodOf returns the period whose file has a name, in either form.
func PeriodOf(name string) (meter.Period, bool) {
	name = strings.TrimSuffix(name, compressedSuffix)
	text := strings.TrimPrefix(strings.TrimPrefix(stem(name), dailyPrefix), monthlyPrefix)
	p, ok := meter.ParsePeriod(text)
	return p, ok && name == Name(p)
}

// Folder is the folder of the archives.
type Folder struct {
	fs   vfs.FS
	path string
	zone *meter.Zone
	term term // in which files are written; the zero one in a folder of one program

	// Compress has files written as zstd from now on. All are read as they are.
	Compress bool
}

// OpenFolder returns the folder of archives at path, and creates it if it is
// missing. What a crash left of an archive that was being written is removed. It refuses a
// folder that several nodes share.
func OpenFolder(fs vfs.FS, path string, zone *meter.Zone) (*Folder, error) {
	if err := durable.MakeFolder(fs, path); err != nil {
		return nil, fmt.Errorf("opening the archive: %w", err)
	}
	if err := checkAlone(fs, path); err != nil {
		return nil, err
	}
	return &Folder{fs: fs, path: path, zone: zone}, errors.Join(
		durable.RemoveTemporary(fs, path, suffix), durable.RemoveTemporary(fs, path, suffix+compressedSuffix),
		durable.RemoveTemporary(fs, path, manifestSuffix))
}

// OpenFolderToRead returns a folder of archives that is only read.
func OpenFolderToRead(fs vfs.FS, path string, zone *meter.Zone) *Folder {
	return &Folder{fs: durable.ReadOnly(fs), path: path, zone: zone}
}

// Files returns the names of the CSV files in the folder, months before days and
// each in order of time. Other names are left out.
func (f *Folder) Files() ([]string, error) {
	names, err := f.list()
	if err != nil {
		return nil, err
	}
	for i, name := range names {
		names[i] = strings.TrimSuffix(name, compressedSuffix)
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		return !strings.HasSuffix(name, suffix) ||
			!strings.HasPrefix(name, dailyPrefix) && !strings.HasPrefix(name, monthlyPrefix)
	})
	slices.SortFunc(names, func(a, b string) int {
		if months := strings.Compare(b[:1], a[:1]); months != 0 {
			return months
		}
		return strings.Compare(a, b)
	})
	return slices.Compact(names), nil
}

func (f *Folder) list() ([]string, error) {
	names, err := f.fs.List(f.path)
	if err != nil {
		return nil, unavailable("the archive folder cannot be listed: see that its disk is mounted and well")
	}
	return names, nil
}

// CopyTo puts all files of the folder into a new one, which is shared with nobody. No file may be
// replaced meanwhile.
func (f *Folder) CopyTo(path string) error {
	return durable.CopyFolder(f.fs, f.path, path, clusterName)
}

// Free returns how many bytes are free on the folder's disk, if the file system can tell.
func (f *Folder) Free() (bytes uint64, known bool) {
	usage, err := f.fs.GetDiskUsage(f.path)
	return usage.AvailBytes, err == nil
}

// Path returns the path at which Write puts a file.
func (f *Folder) Path(name string) string {
	if f.Compress {
		return f.compressed(name)
	}
	return f.plain(name)
}

func (f *Folder) plain(name string) string      { return f.fs.PathJoin(f.path, name) }
func (f *Folder) compressed(name string) string { return f.plain(name) + compressedSuffix }

// removeOther removes the form of a file that was not written.
func (f *Folder) removeOther(name string) error {
	other := f.plain(name)
	if !f.Compress {
		other = f.compressed(name)
	}
	if _, err := f.fs.Stat(other); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err := f.fs.Remove(other); err != nil {
		return fmt.Errorf("removing %s, whose rows are in its other form: %w", other, err)
	}
	return durable.SyncFolder(f.fs, f.path)
}
