package query

import (
	"context"
	"errors"
	"iter"
	"slices"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// Readings returns a meter's readings within a window, wherever they are, in order
// of time and a month at a time: the memory it takes does not grow with the
// window, and each month is of a moment of its own. Each part is valid until the next. After an error there is no more.
func (q *Reader) Readings(id meter.ID, w meter.Window) (iter.Seq2[[]meter.Point, error], error) {
	m, w, err := q.findWithin(id, w)
	if err != nil {
		return nil, err
	}
	return q.months(m, w), nil
}

func (q *Reader) months(m store.Meter, w meter.Window) iter.Seq2[[]meter.Point, error] {
	w = q.reach(m, w)
	return func(yield func([]meter.Point, error) bool) {
		var points []meter.Point
		var err error
		for part := w; part.From <= w.To; part.From = part.To + 1 {
			part.To = min(w.To, q.zone.MonthWindow(q.zone.MonthOf(part.From)).Rows().To)
			points, err = q.points(m, part, points[:0])
			if !yield(points, err) || err != nil {
				return
			}
		}
	}
}

// points appends a meter's readings within a window to an empty buffer, in order of
// time. They are as they were at one moment.
func (q *Reader) points(m store.Meter, w meter.Window, buffer []meter.Point) ([]meter.Point, error) {
	own := q.cut(w)
	if own.Points() == 0 {
		return buffer, nil
	}
	return q.complete(m, own, func() store.MeterRows { return q.store.Read(m.Index, own, buffer) })
}

// before returns the latest reading of a meter before a slot, wherever it is, or nil.
func (q *Reader) before(m store.Meter, slot meter.Slot) (*meter.Point, error) {
	w := q.cut(meter.Window{To: slot - 1})
	if w.Points() == 0 {
		return nil, nil
	}
	points, err := q.complete(m, w, func() store.MeterRows { return known(q.store.Before(m.Index, w.To+1), w) })
	if err != nil || len(points) == 0 || points[len(points)-1].Slot < w.From {
		return nil, err
	}
	return &points[len(points)-1], nil
}

// after returns the first reading of a meter after a slot, wherever it is, or nil.
func (q *Reader) after(m store.Meter, slot meter.Slot) (*meter.Point, error) {
	w := q.cut(meter.Window{From: slot + 1, To: AllTime.To})
	if w.Points() == 0 {
		return nil, nil
	}
	points, err := q.complete(m, w, func() store.MeterRows { return known(q.store.After(m.Index, w.From-1), w) })
	if err != nil || len(points) == 0 || points[0].Slot > w.To {
		return nil, err
	}
	return &points[0], nil
}

// known is what there is of a neighbour that is looked for within a window. An archive whose rows
// all lie outside is not read.
func known(near store.Neighbour, w meter.Window) (k store.MeterRows) {
	if near.Found {
		k.Points = append(k.Points, near.Point)
	}
	if near.Archive != nil && near.Archive.First.Slot <= w.To && w.From <= near.Archive.Last.Slot {
		k.Archives = append(k.Archives, *near.Archive)
	}
	return k
}

// complete adds to the readings of a window that look finds in memory those in the
// archives that may hold more, in order of time. If an archive does not hold what was
// written because its month was archived again in between, complete looks again.
func (q *Reader) complete(m store.Meter, w meter.Window, look func() store.MeterRows) ([]meter.Point, error) {
	for {
		held := look()
		points, err := q.withArchived(m, w, held)
		if err == nil || !slices.ContainsFunc(held.Archives, func(month store.MonthSummary) bool { return !stands(q.store, m, month) }) {
			return points, err
		}
	}
}

func (q *Reader) withArchived(m store.Meter, w meter.Window, held store.MeterRows) ([]meter.Point, error) {
	if len(held.Archives) == 0 {
		return held.Points, nil
	}
	points := held.Points
	for _, month := range held.Archives {
		rows, err := Archived(q.store, q.archive, q.Confirm, m, month)
		if err != nil {
			return nil, err
		}
		for _, p := range rows {
			if w.Contains(p.Slot) {
				points = append(points, p)
			}
		}
	}
	slices.SortFunc(points, func(a, b meter.Point) int { return meter.BySlot(a, b.Slot) })
	return points, nil
}

// steadily reads readings of a meter, anew if its dials change meanwhile, and returns the dials.
func (q *Reader) steadily(m store.Meter, read func() error) (meter.Dials, error) {
	for {
		dials, err := q.dials(m)
		if err != nil {
			return nil, err
		}
		if err := read(); err != nil {
			return nil, err
		}
		if now, err := q.dials(m); err != nil || dials.Equal(now) {
			return dials, err
		}
	}
}

// Archived returns a meter's rows in the archive of a closed month, and makes sure that
// they are those that were written: an archive that was edited, cut or taken away must
// not pass for the truth. A node of several may not have learned yet what the file holds.
func Archived(s *store.Store, folder *archive.Folder, confirm Confirm, m store.Meter, month store.MonthSummary) ([]meter.Point, error) {
	name := archive.Name(month.Month.Period())
	rows, err := folder.FindMeter(name, m.ID, month.Window.Rows(), nil)
	switch {
	case errors.Is(err, archive.ErrMissing):
		return nil, archive.Missing(name)
	case err != nil:
		return nil, err
	case month.Fits(rows):
		return rows, nil
	}
	// A run may just have put a file in place that holds what is in memory too, and not
	// have closed the month again yet.
	if written := less(rows, s.Read(m.Index, month.Window.Rows(), nil)); month.Fits(written) {
		return written, nil
	}
	if confirm == nil {
		return nil, archive.Changed(name)
	}
	if err := confirm(context.Background()); err != nil {
		return nil, err
	}
	known := s.Read(m.Index, month.Window.Rows(), nil)
	if written := less(rows, known); month.Fits(written) {
		return written, nil
	}
	if !isAmong(known.Archives, month) {
		return nil, errLearned(name)
	}
	return nil, archive.Changed(name)
}

// less returns the rows of a file that are not in memory.
func less(rows []meter.Point, known store.MeterRows) []meter.Point {
	return slices.DeleteFunc(slices.Clone(rows), func(p meter.Point) bool { return slices.Contains(known.Points, p) })
}

// stands reports whether a meter's rows of a month are in the archive that the month's summary
// was read of: it was not archived again since, and the rows were not recalled.
func stands(s *store.Store, m store.Meter, month store.MonthSummary) bool {
	return isAmong(s.Read(m.Index, month.Window.Rows(), nil).Archives, month)
}

func isAmong(archives []store.MonthSummary, month store.MonthSummary) bool {
	return slices.ContainsFunc(archives, func(now store.MonthSummary) bool { return now.Month == month.Month && now.Revision == month.Revision })
}
