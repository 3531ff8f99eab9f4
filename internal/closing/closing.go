package closing

import (
	"slices"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// closeMonths closes a month, and those that late readings came for since they were
// closed. They are taken in order of time, so that a bill opens with the register that
// a late reading closed the bill before with. If a late month fails, this one must not
// stay open: the next run tries the late one again.
func (t task) closeMonths(month meter.Month) error {
	for _, due := range t.dueMonths(month) {
		switch err := t.closeMonth(due); {
		case err == nil && t.closed != nil:
			t.closed()
		case err != nil && due == month:
			return err
		case err != nil:
			t.log.Error("late readings were not archived; the next monthly run tries again", "period", due, "error", err)
		}
	}
	return meter.Stopped(t.ctx)
}

// dueMonths are a month and the late ones, in order of time.
func (rs *Runs) dueMonths(month meter.Month) []meter.Month {
	due := rs.store.LateMonths()
	if !slices.Contains(due, month) {
		due = append(due, month)
	}
	slices.SortFunc(due, meter.Month.Compare)
	return due
}

// closeMonth moves a month from memory to its archive:
//
//  1. a file that is there already and that no run wrote becomes the archive unchanged,
//     if nothing else is known of the month; otherwise its rows are recorded
//  2. a hold keeps readings of the month out from here on; those that were accepted
//     before are in memory
//  3. the archive is written beside the old one, with what that held and what
//     memory holds, and fsynced; meanwhile the summaries and the bills go through
//     the journal, part by part: they mean nothing before 7
//  4. the new file is read back; its hash goes through the journal
//  5. it takes the old one's place, and the folder is fsynced
//  6. its manifest is written, the same way
//  7. the closing goes through the journal, and applying it clears memory and lifts
//     the hold
//
// A crash before 7 leaves the month in memory; the next start lifts the hold, and doing
// it all again mends it.
func (t task) closeMonth(month meter.Month) error {
	job := t.job(month.Period())
	if job.expected == nil {
		if adopted, err := t.adoptUnasked(month); adopted || err != nil {
			return err
		}
	}
	if err := job.takeIn(); err != nil {
		return err
	}
	h, err := t.take(job.window)
	if err != nil {
		return err
	}
	defer h.free()
	job.hold = h
	closing := store.MonthArchive{Month: month, Window: t.zone.MonthWindow(month), Revision: t.store.Revision(month) + 1}
	books := bookkeeping{runs: t.Runs, hold: h, month: month, window: closing.Window, late: t.store.LateMonths()}
	if closing.Archive, err = job.write(books.add); err != nil {
		return err
	}
	if err := books.finish(); err != nil {
		return err
	}
	t.run.progress.begin("closing "+month.String(), 0, 0)
	resume, err := t.writer.PauseSnapshots(t.ctx)
	if err != nil {
		return err
	}
	defer resume()
	_, err = h.end(store.AppendClose(h.begin(), closing))
	return err
}
