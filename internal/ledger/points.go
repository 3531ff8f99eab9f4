package ledger

import (
	"iter"
	"slices"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// Readings returns a meter's readings within a window, wherever they are, in order
// of time and a month at a time: what it takes in memory does not grow with the
// window. Each part is valid until the next. After an error there is no more.
func (l *Ledger) Readings(id meter.ID, w meter.Window) (iter.Seq2[[]meter.Point, error], error) {
	i, err := l.find(id)
	if err != nil {
		return nil, err
	}
	return l.months(i, id, w), nil
}

func (l *Ledger) months(i store.Index, id meter.ID, w meter.Window) iter.Seq2[[]meter.Point, error] {
	w = w.Until(l.horizon(i))
	return func(yield func([]meter.Point, error) bool) {
		var points []meter.Point
		var err error
		for part := w; part.From <= w.To; part.From = part.To + 1 {
			part.To = min(w.To, l.zone.MonthWindow(l.zone.MonthOf(part.From)).Rows().To)
			points, err = l.points(i, id, part, points[:0])
			if !yield(points, err) || err != nil {
				return
			}
		}
	}
}

// points appends a meter's readings within a window to an empty buffer, in order of
// time. They are as they were at one moment within each month.
func (l *Ledger) points(i store.Index, id meter.ID, w meter.Window, buffer []meter.Point) ([]meter.Point, error) {
	for {
		held := l.store.Read(i, w, buffer)
		points, err := l.withArchived(i, id, w, held)
		if err == nil || !slices.ContainsFunc(held.Archives, l.rewritten) {
			return points, err
		}
	}
}

func (l *Ledger) withArchived(i store.Index, id meter.ID, w meter.Window, held store.Held) ([]meter.Point, error) {
	if len(held.Archives) == 0 {
		return held.Points, nil
	}
	points := held.Points
	for _, month := range held.Archives {
		rows, err := l.archivedRows(i, id, month)
		if err != nil {
			return nil, err
		}
		for _, p := range rows {
			if w.Contains(p.Slot) {
				points = append(points, p)
			}
		}
	}
	slices.SortFunc(points, func(a, b meter.Point) int { return bySlot(a, b.Slot) })
	return slices.CompactFunc(points, func(a, b meter.Point) bool { return a.Slot == b.Slot }), nil
}
