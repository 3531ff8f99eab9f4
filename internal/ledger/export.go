package ledger

import (
	"context"
	"errors"
	"io"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// Export hands each meter's readings within a window of one calendar month to each,
// in the order of the archives: from memory, from the month's archive where it is
// closed, or from both. No lock is held meanwhile. Readings that come while it runs
// may be among them or not; those that were there before it are, whatever is archived
// meanwhile. It stops at the first error of each.
func (l *Ledger) Export(ctx context.Context, w meter.Window, each func(meter.ID, []meter.Point) error) error {
	month, file, err := l.openMonth(ctx, w)
	if err != nil {
		return l.unreadable(err)
	}
	var sources []archive.Source
	if file != nil {
		defer file.Close()
		sources = append(sources, &within{file, w})
	}
	if file == nil || month.Late {
		sources = append(sources, &exported{l: l, ctx: ctx, window: w, order: l.store.SortedByID(), revision: month.Revision})
	}
	merged := archive.Merge(sources...)
	for {
		rows, err := merged.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return l.unreadable(err)
		}
		if err := each(rows.Meter, rows.Points); err != nil {
			return err
		}
	}
}

// openMonth opens the archive of the closed month that a window lies in; the file is
// nil where there is none.
func (l *Ledger) openMonth(ctx context.Context, w meter.Window) (month store.ClosedMonth, file *verified, err error) {
	for {
		months, closed := l.store.Closed(w)
		if !closed || len(months) != 1 {
			return store.ClosedMonth{}, nil, nil
		}
		month = months[0]
		file, err = l.openArchive(ctx, archive.Name(month.Month.Period()), month.Archive, month.Month.String())
		if now, _ := l.store.Month(w.From); now.Revision == month.Revision {
			return month, file, err
		}
		if err == nil { // it was archived again in between: which file was opened is not known
			_ = file.Close() // it was only read
		}
	}
}

func (l *Ledger) unreadable(err error) error {
	var row *archive.RowError
	var conflict *archive.ConflictError
	switch {
	case errors.As(err, &row):
		return refused("row %d of %s cannot be read: %v", row.Row, row.File, row.Err)
	case errors.As(err, &conflict):
		return refused("meter %s has %v kWh in memory and %v kWh in the archive for %s",
			conflict.Meter, conflict.B, conflict.A, l.zone.Stamp(conflict.Slot))
	}
	return err
}

// exported is a Source of what memory holds of a window, beside which an archive is
// read, or none.
type exported struct {
	l        *Ledger
	ctx      context.Context
	window   meter.Window
	order    []store.Index
	revision uint32 // of the archive that is read beside, 0 where none is
	points   []meter.Point
}

func (e *exported) Next() (archive.Rows, error) {
	for len(e.order) > 0 {
		if err := e.ctx.Err(); err != nil {
			return archive.Rows{}, err
		}
		i := e.order[0]
		e.order = e.order[1:]
		id := e.l.store.Account(i).ID
		if err := e.read(i, id); err != nil {
			return archive.Rows{}, err
		}
		if len(e.points) > 0 {
			return archive.Rows{Meter: id, Points: e.points}, nil
		}
	}
	return archive.Rows{}, io.EOF
}

// read reads a meter's readings. Where the month was closed since the export began,
// they left memory for an archive that is not read beside.
func (e *exported) read(i store.Index, id meter.ID) (err error) {
	held := e.l.store.Read(i, e.window, e.points[:0])
	e.points = held.Points
	for _, archived := range held.Archives {
		if archived.Revision != e.revision {
			e.points, err = e.l.points(i, id, e.window, e.points[:0])
		}
	}
	return err
}
