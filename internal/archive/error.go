package archive

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"meterledger/internal/durable"
	"meterledger/internal/meter"
)

var (
	// ErrMissing says that there is no such file.
	ErrMissing = errors.New("there is no such archive")
	// ErrBadManifest says that what has the name of a manifest is not that of its file.
	ErrBadManifest = errors.New("is damaged")
)

// RowError says that a row of an archive is not in the form that this package writes.
type RowError struct {
	File string
	Row  uint64 // from 1, the header not counted; 0 for the header
	Err  error
}

func (e *RowError) Error() string {
	return fmt.Sprintf("archive %s, row %d: %v", e.File, e.Row, e.Err)
}

func (e *RowError) Unwrap() error { return e.Err }

// ConflictError says that two sources hold different registers for one reading.
type ConflictError struct {
	Meter meter.ID
	Slot  meter.Slot
	A, B  meter.Register
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("meter %s has two registers for one time: %v and %v kWh", e.Meter, e.A, e.B)
}

// Missing says that a file which was written is not there. It may come back with its disk.
func Missing(name string) error {
	return unavailable("archive %s is missing, though it was written before: put it back, or mount the disk of the archive folder", name)
}

// Changed says that a file is not the one that was written.
func Changed(name string) error {
	return Refused("archive %s was changed since it was written: put the original back "+
		"(rows that were added can be restored from a copy under another name)", name)
}

// Refused is an error that an operator has to mend in the archive folder.
func Refused(format string, args ...any) error {
	return meter.Errorf(meter.KindInternal, meter.CodeArchiveConflict, format, args...)
}

// unavailable is an error that can pass without anybody having changed an archive.
func unavailable(format string, args ...any) error {
	return meter.Unavailable(meter.CodeArchiveUnavailable, time.Minute, format, args...)
}

// unreadable words why a file of the folder cannot be opened or read.
func unreadable(name string, err error) error {
	var errno syscall.Errno
	switch {
	case errors.Is(err, durable.ErrNotRegular):
		return Refused("archive %s is not a regular file: move it away and put the original back", name)
	case errors.As(err, &errno):
		return unavailable("archive %s cannot be read (%v): mend that, and ask again", name, errno)
	}
	return unavailable("archive %s cannot be read: see that its disk is well, and ask again", name)
}

// Damaged words that the content of a file cannot be read, unless err is in words already.
func Damaged(name string, err error) error {
	var worded *meter.Error
	if err == nil || errors.Is(err, ErrMissing) || errors.As(err, &worded) {
		return err
	}
	return Refused("archive %s cannot be read (%v): put the original back; a file that was packed by hand has to be unpacked again", name, err)
}
