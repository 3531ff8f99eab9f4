package ledger

import (
	"context"
	"slices"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// closeMonths closes a month and then the months that late readings came for
// since they were closed. A late month whose archive is in the way must not keep
// this one open: it is tried again by the next run.
func (l *Ledger) closeMonths(ctx context.Context, run *Run, month meter.Month) error {
	if err := l.closeMonth(ctx, run, month); err != nil {
		return err
	}
	for _, late := range l.store.LateMonths() {
		if err := l.closeMonth(ctx, run, late); err != nil {
			l.log.Error("late readings were not archived; the next monthly run tries again", "period", late, "error", err)
		}
	}
	return stopped(ctx)
}

// closeMonth moves a month from memory to its archive:
//
//  1. rows of a file that is there already and not ours are recorded
//  2. readings of the month wait from here on; those let in before are written
//  3. the archive is written beside the old one, with what that held and what
//     memory holds; its hash goes through the journal; it takes the old one's place
//  4. the summaries that the bills are made of go through the journal
//  5. the closing goes through the journal, and applying it clears memory
//
// A crash before 5 leaves the month in memory; doing it all again mends it.
func (l *Ledger) closeMonth(ctx context.Context, run *Run, month meter.Month) error {
	window := l.zone.MonthWindow(month)
	own := meter.Window{From: window.From, To: window.To - 1}
	job := archiving{l: l, ctx: ctx, run: run, name: archive.MonthlyName(month), period: month.String(), window: own}
	closing := store.MonthArchive{Month: month, Window: window, Revision: 1}
	for _, closed := range l.store.Months() {
		if closed.Month == month {
			job.expected = &closed.Archive
			closing.Revision = closed.Revision + 1
		}
	}
	if err := job.takeIn(); err != nil {
		return err
	}
	if err := l.holdBack(ctx, own); err != nil {
		return err
	}
	defer l.letIn()

	var summaries []store.SummaryOf
	var err error
	closing.Archive, err = job.write(func(rows archive.Rows) {
		if i, registered := l.store.Lookup(rows.Meter); registered {
			summaries = append(summaries, store.SummaryOf{Meter: i, Summary: l.summarize(i, rows.Points, window)})
		}
	})
	if err != nil {
		return err
	}
	run.progress.begin("closing "+month.String(), 0)
	const together = 8192
	for part := range slices.Chunk(summaries, together) {
		if err := l.commitMaintenance(ctx, store.AppendSummaries(nil, month, part)); err != nil {
			return err
		}
	}
	return l.commitMaintenance(ctx, store.AppendClose(nil, closing))
}

// summarize covers a meter's rows within the month and the first register of the
// next one, where that is known.
func (l *Ledger) summarize(i store.Index, points []meter.Point, window meter.Window) store.Summary {
	var summary store.Summary
	add := func(p meter.Point) {
		if summary.Count == 0 {
			summary.First = p
		}
		summary.Count++
		summary.Last = p
	}
	for _, p := range points {
		if p.Slot >= window.From && p.Slot < window.To {
			add(p)
		}
	}
	if register, known := l.store.At(i, window.To); known {
		add(meter.Point{Slot: window.To, Register: register})
	}
	return summary
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
