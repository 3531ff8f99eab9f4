package archive

import (
	"errors"
	"fmt"

	"meterledger/internal/meter"
)

var (
	// ErrMissing says that there is no such file.
	ErrMissing = errors.New("there is no such archive")
	// ErrBadManifest says that a file has the name of a manifest and is not one.
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
	A, B  meter.KWh
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("meter %s has two registers for one time: %v and %v kWh", e.Meter, e.A, e.B)
}

// Missing says that a file which was written is not there.
func Missing(name string) error {
	return Refused("archive %s is missing, though it was written before: put it back", name)
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
