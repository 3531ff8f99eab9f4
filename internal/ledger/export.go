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
	var source archive.Source
	if file != nil {
		defer file.Close()
		source = &within{file, w}
	}
	if file == nil || month.Late {
		exported := &exported{l: l, ctx: ctx, window: w, order: l.store.SortedByID(), revision: month.Revision}
		source = archive.Divide(source, exported.next)
	}
	for {
		rows, err := source.Next()
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
	if errors.As(err, &row) {
		return refused("row %d of %s cannot be read: %v", row.Row, row.File, row.Err)
	}
	return err
}

// exported is what memory holds of a window, beside which an archive is read, or none.
type exported struct {
	l        *Ledger
	ctx      context.Context
	window   meter.Window
	order    []store.Index
	revision uint32 // of the archive that is read beside, 0 where none is
	points   []meter.Point
}

func (e *exported) next() (archive.Part, error) {
	for len(e.order) > 0 {
		if err := e.ctx.Err(); err != nil {
			return archive.Part{}, err
		}
		m := store.Meter{Index: e.order[0], ID: e.l.store.Account(e.order[0]).ID}
		e.order = e.order[1:]
		whole, err := e.read(m)
		if err != nil {
			return archive.Part{}, err
		}
		if len(e.points) > 0 {
			return archive.Part{Rows: archive.Rows{Meter: m.ID, Points: e.points}, Whole: whole}, nil
		}
	}
	return archive.Part{}, io.EOF
}

// read reads a meter's readings. If the month was closed since the export began,
// they left memory for an archive that is not read beside.
func (e *exported) read(m store.Meter) (whole bool, err error) {
	known := e.l.store.Read(m.Index, e.window, e.points[:0])
	e.points = known.Points
	for _, archived := range known.Archives {
		if archived.Revision != e.revision {
			e.points, err = e.l.points(m, e.window, e.points[:0])
			return true, err
		}
	}
	return len(known.Archives) == 0, nil
}
