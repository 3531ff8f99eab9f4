package archive

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
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
	// compressedSuffix follows the name of a file that is compressed. Who asks for a
	// file gives the name without it and gets the one that is there.
	compressedSuffix = ".zst"
)

// DailyName returns the name of a day's file.
func DailyName(d meter.Day) string { return dailyPrefix + d.String() + suffix }

// MonthlyName returns the name of a month's file.
func MonthlyName(m meter.Month) string { return monthlyPrefix + m.String() + suffix }

// DayOf returns the day whose file has a name.
func DayOf(name string) (meter.Day, bool) {
	day, ok := meter.ParseDay(period(name))
	return day, ok && name == DailyName(day)
}

// MonthOf returns the month whose file has a name.
func MonthOf(name string) (meter.Month, bool) {
	month, ok := meter.ParseMonth(period(name))
	return month, ok && name == MonthlyName(month)
}

// Folder is where the archives are.
type Folder struct {
	fs   vfs.FS
	path string
	zone *meter.Zone

	// Compress has files written as zstd from now on. All are read as they are.
	Compress bool
}

// OpenFolder returns the folder of archives at path, and creates it where it is
// missing. What a crash left of an archive that was being written is removed.
func OpenFolder(fs vfs.FS, path string, zone *meter.Zone) (*Folder, error) {
	if err := durable.MakeFolder(fs, path); err != nil {
		return nil, fmt.Errorf("opening the archive: %w", err)
	}
	return &Folder{fs: fs, path: path, zone: zone}, errors.Join(
		durable.RemoveTemporary(fs, path, suffix), durable.RemoveTemporary(fs, path, suffix+compressedSuffix),
		durable.RemoveTemporary(fs, path, manifestSuffix))
}

// Files returns the names of the CSV files in the folder, months before days and
// each in order of time. Names that are neither are left out, however they came.
func (f *Folder) Files() ([]string, error) {
	names, err := f.fs.List(f.path)
	if err != nil {
		return nil, fmt.Errorf("listing the archive: %w", err)
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

// Path returns where a file of the folder is.
func (f *Folder) Path(name string) string {
	if compressed := f.compressed(name); f.exists(compressed) {
		return compressed
	}
	return f.plain(name)
}

// TargetPath returns where a file is that is written now.
func (f *Folder) TargetPath(name string) string {
	if f.Compress {
		return f.compressed(name)
	}
	return f.plain(name)
}

func (f *Folder) plain(name string) string      { return f.fs.PathJoin(f.path, name) }
func (f *Folder) compressed(name string) string { return f.plain(name) + compressedSuffix }

// exists reports whether there is a file. Where that cannot be told there may be one,
// and whoever opens it hears why.
func (f *Folder) exists(path string) bool {
	_, err := f.fs.Stat(path)
	return !errors.Is(err, os.ErrNotExist)
}

// Left returns the hash of a plain file beside the compressed one that is read in its
// stead, and whether there is one: a run that was cut off while it changed the form
// leaves it, or somebody put it there.
func (f *Folder) Left(name string) (sum [32]byte, there bool, err error) {
	if !f.exists(f.compressed(name)) || !f.exists(f.plain(name)) {
		return sum, false, nil
	}
	file, err := f.fs.Open(f.plain(name))
	if err != nil {
		return sum, true, fmt.Errorf("opening archive %s: %w", name, err)
	}
	defer file.Close()
	sum, err = hashOf(file)
	return sum, true, err
}

// removeOther removes the form of a file that was not written.
func (f *Folder) removeOther(name string) error {
	other := f.plain(name)
	if !f.Compress {
		other = f.compressed(name)
	}
	if !f.exists(other) {
		return nil
	}
	if err := f.fs.Remove(other); err != nil {
		return fmt.Errorf("removing %s, whose rows are in its other form: %w", other, err)
	}
	return durable.SyncFolder(f.fs, f.path)
}

// ErrMissing says that there is no such file.
var ErrMissing = errors.New("there is no such archive")

// Open opens a file of the folder as it is.
func (f *Folder) Open(name string) (vfs.File, error) {
	file, err := f.fs.Open(f.Path(name))
	if errors.Is(err, os.ErrNotExist) {
		err = ErrMissing
	}
	if err != nil {
		return nil, fmt.Errorf("opening archive %s: %w", name, err)
	}
	return file, nil
}

// Size returns how many bytes a file has.
func (f *Folder) Size(name string) (int64, error) {
	stat, err := f.fs.Stat(f.Path(name))
	if errors.Is(err, os.ErrNotExist) {
		err = ErrMissing
	}
	if err != nil {
		return 0, fmt.Errorf("looking for archive %s: %w", name, err)
	}
	return stat.Size(), nil
}

// Sync makes a file that others wrote survive a power cut.
func (f *Folder) Sync(name string) error {
	file, err := f.Open(name)
	if err != nil {
		return err
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("syncing archive %s: %w", name, err)
	}
	return durable.SyncFolder(f.fs, f.path)
}

// SHA256 returns the hash of a file as it is.
func (f *Folder) SHA256(name string) (sum [32]byte, err error) {
	file, err := f.Open(name)
	if err != nil {
		return sum, err
	}
	defer file.Close()
	return hashOf(file)
}

func hashOf(file vfs.File) (sum [32]byte, err error) {
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return sum, fmt.Errorf("reading an archive: %w", err)
	}
	return [32]byte(hash.Sum(nil)), nil
}
