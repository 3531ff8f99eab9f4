package query

import (
	"context"
	"errors"
	"io"
	"slices"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// Export hands each meter's readings within a window of one calendar month to each,
// in the order of the archives: from memory, from the month's archive if it is closed, or
// from both. It holds no lock meanwhile. Readings that come while it runs may be among
// them or not; those that were there before it are, whatever is archived meanwhile. It
// stops at the first error of each.
func (q *Reader) Export(ctx context.Context, w meter.Window, each func(meter.ID, []meter.Point) error) error {
	before := q.sums(w)
	err := q.worded(q.export(ctx, w, each))
	if q.Confirm == nil || meter.CodeOf(err) != meter.CodeArchiveConflict {
		return err
	}
	if unsure := q.Confirm(ctx); unsure != nil {
		return unsure
	}
	if !slices.Equal(before, q.sums(w)) {
		return errLearned(archive.Name(q.zone.MonthOf(w.From).Period()))
	}
	return err
}

func (q *Reader) worded(err error) error {
	var row *archive.RowError
	var conflict *archive.ConflictError
	switch {
	case errors.As(err, &row):
		return archive.Refused("row %d of %s cannot be read: %v", row.Row, row.File, row.Err)
	case errors.As(err, &conflict):
		return archive.Refused("meter %s has %v kWh in memory and %v kWh in the archive for %s",
			conflict.Meter, conflict.B, conflict.A, q.zone.Stamp(conflict.Slot))
	}
	return err
}

// sums returns the hashes of the files that the journal knows of the month of a window.
func (q *Reader) sums(w meter.Window) [][32]byte {
	month := q.zone.MonthOf(w.From).Period()
	sums := q.store.Intents(month)
	if last, archived := q.store.Archived(month); archived {
		sums = append(sums, last.SHA256)
	}
	return sums
}

func (q *Reader) export(ctx context.Context, w meter.Window, each func(meter.ID, []meter.Point) error) error {
	month, file, err := q.openMonth(ctx, w)
	if err != nil {
		return err
	}
	var source archive.Source
	if file != nil {
		defer file.Close()
		source = archive.Within(w, file)
	}
	if file == nil || month.Late {
		memory := &memorySource{q: q, ctx: ctx, window: w, order: q.store.SortedByID(), revision: month.Revision, isJoined: file != nil}
		source = archive.WithMemory(source, memory, q.store.Outdated)
	}
	for {
		rows, err := source.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := each(rows.Meter, rows.Points); err != nil {
			return err
		}
	}
}

// openMonth opens the archive of the closed month that a window lies in; the file is
// nil if there is none.
func (q *Reader) openMonth(ctx context.Context, w meter.Window) (month store.ClosedMonth, file *archive.OwnReader, err error) {
	for {
		months, closed := q.store.Closed(w)
		if !closed || len(months) != 1 {
			return store.ClosedMonth{}, nil, nil
		}
		month = months[0]
		file, err = q.archive.ReadOwn(ctx, archive.Name(month.Month.Period()), append(q.store.Intents(month.Month.Period()), month.SHA256)...)
		if now, _ := q.store.Month(w.From); now.Revision == month.Revision {
			return month, file, err
		}
		if err == nil { // it was archived again in between: which file was opened is not known
			_ = file.Close() // it was only read
		}
	}
}

// memorySource is the part of a window that is in memory.
type memorySource struct {
	q        *Reader
	ctx      context.Context
	window   meter.Window
	order    []store.Index // of the meters that are left
	revision uint32        // of the archive that the export reads too, or 0
	isJoined bool          // with that archive, which may have rows that were withdrawn
	points   []meter.Point
}

func (s *memorySource) Next() (archive.Rows, error) {
	for len(s.order) > 0 {
		if err := s.ctx.Err(); err != nil {
			return archive.Rows{}, err
		}
		m := store.Meter{Index: s.order[0], ID: s.q.store.Account(s.order[0]).ID}
		s.order = s.order[1:]
		whole, err := s.read(m)
		if err != nil {
			return archive.Rows{}, err
		}
		if len(s.points) > 0 || s.isJoined && whole && s.q.store.HasReplaced(m.Index, s.window) {
			return archive.Rows{Meter: m.ID, Points: s.points, IsWhole: whole}, nil
		}
	}
	return archive.Rows{}, io.EOF
}

// read reads a meter's readings. If the month was closed since the export began,
// they left memory for an archive that the export does not read.
func (s *memorySource) read(m store.Meter) (whole bool, err error) {
	known := s.q.store.Read(m.Index, s.window, s.points[:0])
	s.points = known.Points
	for _, archived := range known.Archives {
		if archived.Revision != s.revision {
			s.points, err = s.q.points(m, s.window, s.points[:0])
			return true, err
		}
	}
	return len(known.Archives) == 0, nil
}
