package ledger

import (
	"errors"
	"fmt"
	"slices"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// archivedRows returns a meter's rows in the archive of a closed month, and makes
// sure that they are those that were written: an archive that was edited, cut or
// taken away must not pass for the truth.
func (l *Ledger) archivedRows(m store.Meter, month store.MonthSummary) ([]meter.Point, error) {
	name := archive.Name(month.Month.Period())
	rows, err := l.archive.FindMeter(name, m.ID, month.Window.Rows(), nil)
	switch {
	case errors.Is(err, archive.ErrMissing):
		return nil, missing(name)
	case err != nil:
		return nil, err
	case month.Fits(rows):
		return rows, nil
	}
	// A run may just have put the file in place that holds the late readings too,
	// and not have closed the month again yet.
	written := l.withoutLate(m, month, rows)
	if !month.Fits(written) {
		return nil, changed(name)
	}
	return written, nil
}

// withoutLate returns the rows that are not in memory.
func (l *Ledger) withoutLate(m store.Meter, month store.MonthSummary, rows []meter.Point) []meter.Point {
	late := l.store.Read(m.Index, month.Window.Rows(), nil).Points
	return slices.DeleteFunc(rows, func(p meter.Point) bool { return slices.Contains(late, p) })
}

// rewritten reports whether a month was archived again since its summary was read,
// so that what its archive holds has to be looked at anew.
func (l *Ledger) rewritten(month store.MonthSummary) bool {
	now, closed := l.store.Month(month.Window.From)
	return closed && now.Revision != month.Revision
}

func missing(name string) error {
	return refused("archive %s is missing, though it was written before: put it back", name)
}

func changed(name string) error {
	return refused("archive %s was changed since it was written: put the original back "+
		"(rows that were added can be restored from a copy under another name)", name)
}

// refused is an error that an operator has to mend in the archive folder.
func refused(format string, args ...any) error {
	return &meter.Error{
		Kind: meter.KindInternal, Code: meter.CodeArchiveConflict, Detail: fmt.Sprintf(format, args...),
	}
}
