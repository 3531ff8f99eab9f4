package query

import (
	"errors"
	"iter"
	"slices"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// Readings returns a meter's readings within a window, wherever they are, in order
// of time and a month at a time: what it takes in memory does not grow with the
// window. Each part is valid until the next. After an error there is no more.
func (q *Reader) Readings(id meter.ID, w meter.Window) (iter.Seq2[[]meter.Point, error], error) {
	m, err := q.find(id)
	if err != nil {
		return nil, err
	}
	return q.months(m, w), nil
}

func (q *Reader) months(m store.Meter, w meter.Window) iter.Seq2[[]meter.Point, error] {
	w = w.Until(q.horizon(m.Index))
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
// time. They are as they were at one moment within each month.
func (q *Reader) points(m store.Meter, w meter.Window, buffer []meter.Point) ([]meter.Point, error) {
	for {
		held := q.store.Read(m.Index, w, buffer)
		points, err := q.withArchived(m, w, held)
		if err == nil || !slices.ContainsFunc(held.Archives, q.rewritten) {
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
		rows, err := q.archivedRows(m, month)
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

// before returns the latest reading of a meter before a slot, wherever it is, or nil.
func (q *Reader) before(m store.Meter, slot meter.Slot) (*meter.Point, error) {
	return q.nearest(m, slot, q.store.Before, func(rows []meter.Point) []meter.Point {
		place, _ := slices.BinarySearchFunc(rows, slot, meter.BySlot)
		return rows[max(place, 1)-1 : place]
	})
}

// after returns the first reading of a meter after a slot, wherever it is, or nil.
func (q *Reader) after(m store.Meter, slot meter.Slot) (*meter.Point, error) {
	return q.nearest(m, slot, q.store.After, func(rows []meter.Point) []meter.Point {
		place, _ := slices.BinarySearchFunc(rows, slot+1, meter.BySlot)
		return rows[place:min(place+1, len(rows))]
	})
}

// nearest asks memory for the reading that is nearest to a slot on one side, and
// the archive of the month that the slot lies in, where pick takes one of the rows.
func (q *Reader) nearest(
	m store.Meter, slot meter.Slot,
	inMemory func(store.Index, meter.Slot) store.Neighbour, pick func([]meter.Point) []meter.Point,
) (*meter.Point, error) {
	for {
		near := inMemory(m.Index, slot)
		var candidates []meter.Point
		if near.Found {
			candidates = append(candidates, near.Point)
		}
		if near.Archive != nil {
			rows, err := q.archivedRows(m, *near.Archive)
			if err != nil && q.rewritten(*near.Archive) {
				continue
			}
			if err != nil {
				return nil, err
			}
			candidates = append(candidates, pick(rows)...)
		}
		return nearestOf(candidates, slot), nil
	}
}

// nearestOf returns the point that is nearest to a slot, all being on one side of it.
func nearestOf(points []meter.Point, slot meter.Slot) *meter.Point {
	if len(points) == 0 {
		return nil
	}
	nearest := slices.MinFunc(points, func(a, b meter.Point) int { return distance(a, slot) - distance(b, slot) })
	return &nearest
}

func distance(p meter.Point, slot meter.Slot) int {
	return max(meter.BySlot(p, slot), -meter.BySlot(p, slot))
}

// Archived returns a meter's rows in the archive of a closed month, and makes sure that
// they are those that were written: an archive that was edited, cut or taken away must
// not pass for the truth.
func Archived(s *store.Store, folder *archive.Folder, m store.Meter, month store.MonthSummary) ([]meter.Point, error) {
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
	inMemory := s.Read(m.Index, month.Window.Rows(), nil).Points
	written := slices.DeleteFunc(rows, func(p meter.Point) bool { return slices.Contains(inMemory, p) })
	if !month.Fits(written) {
		return nil, archive.Changed(name)
	}
	return written, nil
}

func (q *Reader) archivedRows(m store.Meter, month store.MonthSummary) ([]meter.Point, error) {
	return Archived(q.store, q.archive, m, month)
}

// rewritten reports whether a month was archived again since its summary was read,
// so that what its archive holds has to be looked at anew.
func (q *Reader) rewritten(month store.MonthSummary) bool {
	now, closed := q.store.Month(month.Window.From)
	return closed && now.Revision != month.Revision
}
