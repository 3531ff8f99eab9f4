package ledger

import (
	"context"
	"slices"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// closeMonths closes a month and, with it, the months that late readings came for
// since they were closed.
func (l *Ledger) closeMonths(ctx context.Context, run *Run, month meter.Month) error {
	months := append(l.store.LateMonths(), month)
	slices.SortFunc(months, meter.Month.Compare)
	for _, m := range slices.Compact(months) {
		if err := l.closeMonth(ctx, run, m); err != nil {
			return err
		}
	}
	return nil
}

// closeMonth moves a month from memory to its archive:
//
//  1. readings of the month wait from here on; those let in before are written
//  2. the archive is written, whole, with what it held and what memory holds
//  3. the summaries that the bills are made of go through the journal
//  4. the closing goes through the journal, and applying it clears memory
//
// A crash before 4 leaves the month in memory; doing it all again mends it.
func (l *Ledger) closeMonth(ctx context.Context, run *Run, month meter.Month) error {
	window := l.zone.MonthWindow(month)
	own := meter.Window{From: window.From, To: window.To - 1}
	if err := l.holdBack(ctx, own); err != nil {
		return err
	}
	defer l.letIn()

	job := archiving{l: l, ctx: ctx, run: run, name: archive.MonthlyName(month), period: month.String(), window: own}
	closing := store.MonthArchive{Month: month, Window: window, Revision: 1}
	for _, closed := range l.store.Months() {
		if closed.Month == month {
			job.expected = &closed.Archive
			closing.Revision = closed.Revision + 1
		}
	}
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
	if err := l.committer.enqueue(ctx, barrier, true); err != nil {
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
