package ledger

import (
	"errors"
	"fmt"
	"slices"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// errArchivedAgain says that a month's archive was replaced while a query looked at
// the old one: the query has to begin again.
var errArchivedAgain = errors.New("the month was archived again meanwhile")

// archivedRows returns a meter's rows in the archive of a closed month, and makes
// sure that they are those that were written: an archive that was edited, cut or
// taken away must not pass for the truth.
func (l *Ledger) archivedRows(id meter.ID, month store.MonthSummary) ([]meter.Point, error) {
	name := archive.MonthlyName(month.Month)
	rows, err := l.archive.FindMeter(name, id, month.Archived(), nil)
	switch {
	case errors.Is(err, archive.ErrMissing):
		return nil, missing(name)
	case err != nil:
		return nil, err
	case !month.Fits(rows):
		return rows, l.checkReplaced(id, month, rows)
	}
	return rows, nil
}

// checkReplaced decides about rows that are not those of the last closing. Between
// the rename and the closing, which a run that was cut off never reaches, the file
// also holds what came since and is still in memory; that, and nothing else.
func (l *Ledger) checkReplaced(id meter.ID, month store.MonthSummary, rows []meter.Point) error {
	i, err := l.find(id)
	if err != nil {
		return err
	}
	memory := l.store.Read(i, month.Archived(), nil).Points
	before := slices.DeleteFunc(slices.Clone(rows), func(p meter.Point) bool {
		place, found := slices.BinarySearchFunc(memory, p.Slot, bySlot)
		return found && memory[place] == p
	})
	if month.Fits(before) {
		return nil
	}
	if latest, _ := l.store.Month(month.Window.From); latest.Revision != month.Revision {
		return errArchivedAgain
	}
	return changed(archive.MonthlyName(month.Month))
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
