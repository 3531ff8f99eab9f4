package audit

import (
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/durable"
	"meterledger/internal/meter"
)

// CopyTo copies the log, as it is, into a folder audit of another data folder.
func (l *Log) CopyTo(data string) error {
	months, err := monthsOf(l.o.FS, l.o.Folder)
	if err != nil || len(months) == 0 {
		return err
	}
	to := l.o.FS.PathJoin(data, l.o.FS.PathBase(l.o.Folder))
	if err := durable.MakeFolder(l.o.FS, to); err != nil {
		return err
	}
	for _, month := range months {
		if err := l.copyMonth(month, to); err != nil {
			return fmt.Errorf("copying the audit log of %s: %w", month, err)
		}
	}
	return nil
}

func (l *Log) copyMonth(month meter.Month, to string) error {
	file, err := durable.OpenRegular(l.o.FS, path(l.o.FS, l.o.Folder, month))
	if err != nil {
		return err
	}
	defer file.Close()
	return durable.WriteFile(l.o.FS, path(l.o.FS, to, month), func(w io.Writer) error {
		_, err := io.Copy(w, io.NewSectionReader(file, 0, min(file.Size, l.readable(month))))
		return err
	})
}

// Finding is what stands in the file of a month.
type Finding struct {
	Month       meter.Month
	Lines, Torn int
}

// Verify reads a folder of audit logs that nobody else uses, and hands out what it finds.
func Verify(fs vfs.FS, folder string, found func(Finding, error)) {
	months, err := monthsOf(fs, folder)
	if err != nil {
		found(Finding{}, err)
	}
	for _, month := range months {
		found(verifyMonth(fs, folder, month))
	}
}

func verifyMonth(fs vfs.FS, folder string, month meter.Month) (f Finding, err error) {
	f.Month = month
	file, err := durable.OpenRegular(fs, path(fs, folder, month))
	if err != nil {
		return f, err
	}
	defer file.Close()
	for b := (backward{file: file, at: file.Size, end: file.Size}); b.end > 0; {
		text, err := b.next()
		if err != nil {
			return f, err
		}
		f.Lines++
		if _, _, ok := parse(text); !ok {
			f.Torn++
		}
	}
	return f, nil
}
