package ledger

import (
	"context"
	"errors"
	"slices"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// closeMonths closes a month, and those that late readings came for since they were
// closed. They are taken in order of time, so that a bill opens where a late
// reading has closed the one before. A late month whose archive is in the way must
// not keep this one open: it is tried again by the next run.
func (l *Ledger) closeMonths(ctx context.Context, run *Run, month meter.Month) error {
	for _, due := range l.dueMonths(month) {
		switch err := l.closeMonth(ctx, run, due); {
		case err != nil && due == month:
			return err
		case err != nil:
			l.log.Error("late readings were not archived; the next monthly run tries again", "period", due, "error", err)
		}
	}
	return stopped(ctx)
}

// dueMonths are a month and the late ones, in order of time.
func (l *Ledger) dueMonths(month meter.Month) []meter.Month {
	due := l.store.LateMonths()
	if !slices.Contains(due, month) {
		due = append(due, month)
	}
	slices.SortFunc(due, meter.Month.Compare)
	return due
}

// closeMonth moves a month from memory to its archive:
//
//  1. a file that is there already and not ours becomes the archive as it stands,
//     where nothing else is known of the month; else its rows are recorded
//  2. readings of the month wait from here on; those let in before are written
//  3. the archive is written beside the old one, with what that held and what
//     memory holds, and fsynced; meanwhile the summaries that the bills are made of
//     go through the journal, part by part: they mean nothing before 7
//  4. the new file is read back; its hash goes through the journal
//  5. it takes the old one's place, and the folder is fsynced
//  6. its manifest is written, the same way
//  7. the closing goes through the journal, and applying it clears memory
//
// A crash before 7 leaves the month in memory; doing it all again mends it.
func (l *Ledger) closeMonth(ctx context.Context, run *Run, month meter.Month) error {
	job, closing := l.monthJob(ctx, run, month)
	if job.expected == nil {
		if adopted, err := l.adoptUnasked(ctx, run, month); adopted || err != nil {
			return err
		}
	}
	if err := job.takeIn(); err != nil {
		return err
	}
	if err := l.holdBack(ctx, job.window); err != nil {
		return err
	}
	defer l.letIn()

	books := bookkeeping{l: l, ctx: ctx, month: month, window: closing.Window}
	err := books.begin()
	if err == nil {
		closing.Archive, err = job.write(books.add)
	}
	if err == nil {
		err = books.flush()
	}
	if err != nil {
		return errors.Join(err, books.giveUp())
	}
	run.progress.begin("closing "+month.String(), 0)
	resume, err := l.snapshots.pause(ctx)
	if err != nil {
		return errors.Join(err, books.giveUp())
	}
	defer resume()
	return l.commitMaintenance(ctx, store.AppendClose(nil, closing))
}

// monthJob is the archiving of a month, and its closing, as far as they are known
// beforehand.
func (l *Ledger) monthJob(ctx context.Context, run *Run, month meter.Month) (archiving, store.MonthArchive) {
	window := month.Period().Window(l.zone)
	job := archiving{l: l, ctx: ctx, run: run, name: archive.Name(month.Period()), period: month.String(), window: window.Rows()}
	closing := store.MonthArchive{Month: month, Window: window, Revision: 1}
	for _, closed := range l.store.Months() {
		if closed.Month == month {
			job.expected = &closed.Archive
			closing.Revision = closed.Revision + 1
		}
	}
	return job, closing
}

// holdBack makes the readings of a month wait. When it returns, every reading
// that was let in before is in the store.
func (l *Ledger) holdBack(ctx context.Context, w meter.Window) error {
	l.admission.Lock()
	l.closing = w
	l.admission.Unlock()
	barrier := &commit{}
	if err := l.committer.enqueue(ctx, barrier, steady); err != nil {
		l.letIn()
		return err
	}
	_, err := l.committer.wait(barrier)
	if err != nil {
		l.letIn()
	}
	return err
}

func (l *Ledger) letIn() {
	l.admission.Lock()
	l.closing = noWindow
	l.admission.Unlock()
}
