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
	fs     vfs.FS
	path   string
	zone   *meter.Zone
	stamps stampTables
}

// OpenFolder returns the folder of archives at path, and creates it where it is
// missing. What a crash left of an archive that was being written is removed.
func OpenFolder(fs vfs.FS, path string, zone *meter.Zone) (*Folder, error) {
	if err := durable.MakeFolder(fs, path); err != nil {
		return nil, fmt.Errorf("opening the archive: %w", err)
	}
	return &Folder{fs: fs, path: path, zone: zone}, errors.Join(
		durable.RemoveTemporary(fs, path, suffix), durable.RemoveTemporary(fs, path, manifestSuffix))
}

// Files returns the names of the CSV files in the folder, months before days and
// each in order of time. Names that are neither are left out, however they came.
func (f *Folder) Files() ([]string, error) {
	names, err := f.fs.List(f.path)
	if err != nil {
		return nil, fmt.Errorf("listing the archive: %w", err)
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
	return names, nil
}

// Path returns where a file of the folder is, for the operator.
func (f *Folder) Path(name string) string { return f.fs.PathJoin(f.path, name) }

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
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return sum, fmt.Errorf("reading archive %s: %w", name, err)
	}
	return [32]byte(hash.Sum(nil)), nil
}
