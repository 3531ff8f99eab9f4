package audit

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/durable"
	"meterledger/internal/meter"
)

// suffix ends the name of a month's file, 2026-11.jsonl.
const suffix = ".jsonl"

func path(fs vfs.FS, folder string, month meter.Month) string {
	return fs.PathJoin(folder, month.String()+suffix)
}

// monthsOf lists the months in a folder of audit logs, which need not be there.
func monthsOf(fs vfs.FS, folder string) (months []meter.Month, err error) {
	names, err := fs.List(folder)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	for _, name := range names {
		text, isLog := strings.CutSuffix(name, suffix)
		if month, ok := meter.ParseMonth(text); isLog && ok {
			months = append(months, month)
		}
	}
	slices.SortFunc(months, meter.Month.Compare)
	return months, err
}

// file is the file of a month that is appended to.
type file struct {
	fs     vfs.FS
	folder string
	log    *slog.Logger
	month  meter.Month
	size   int64    // of what stands in it
	isTorn bool     // it does not end with the end of a line
	opened vfs.File // nil until turnTo, and after a failure
}

// turnTo makes a month's file the one that is appended to.
func (f *file) turnTo(month meter.Month) error {
	if f.opened != nil && f.month == month {
		if f.isInPlace() {
			return nil
		}
		f.log.Error("somebody took the file of the audit log away, or changed it: lines go into the file that is there now", "file", path(f.fs, f.folder, month))
	}
	err := f.close()
	if err == nil {
		err = durable.MakeFolder(f.fs, f.folder)
	}
	if err == nil {
		err = f.open(month)
	}
	if err != nil {
		return fmt.Errorf("opening the audit log of %s: %w", month, err)
	}
	return nil
}

// isInPlace reports whether a reader finds the file as it was written. What is appended to one that
// was removed or renamed is lost.
func (f *file) isInPlace() bool {
	stat, err := f.fs.Stat(path(f.fs, f.folder, f.month))
	return err == nil && stat.Size() == f.size
}

func (f *file) open(month meter.Month) error {
	opened, err := f.fs.OpenReadWrite(path(f.fs, f.folder, month), durable.Category)
	if err != nil {
		return err
	}
	stat, err := opened.Stat()
	if err == nil && !stat.Mode().IsRegular() {
		err = durable.ErrNotRegular
	}
	last := []byte{'\n'}
	if err == nil && stat.Size() > 0 {
		_, err = opened.ReadAt(last, stat.Size()-1)
	}
	if err == nil {
		err = durable.SyncFolder(f.fs, f.folder)
	}
	if err != nil {
		return errors.Join(err, opened.Close())
	}
	f.month, f.size, f.isTorn, f.opened = month, stat.Size(), last[0] != '\n', opened
	return nil
}

// append writes whole lines at the end. After an error the file is opened anew, because nobody
// knows what stands in it.
func (f *file) append(lines []byte, isSynced bool) error {
	if f.isTorn {
		lines = append([]byte{'\n'}, lines...)
	}
	_, err := f.opened.WriteAt(lines, f.size)
	if err == nil && isSynced {
		err = f.opened.Sync()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing the audit log of %s: %w", f.month, err), f.close())
	}
	f.size, f.isTorn = f.size+int64(len(lines)), false
	return nil
}

func (f *file) close() error {
	if f.opened == nil {
		return nil
	}
	opened := f.opened
	f.opened = nil
	return errors.Join(opened.Sync(), opened.Close())
}
