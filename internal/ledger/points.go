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
	m, err := l.find(id)
	if err != nil {
		return nil, err
	}
	return l.months(m, w), nil
}

func (l *Ledger) months(m store.Meter, w meter.Window) iter.Seq2[[]meter.Point, error] {
	w = w.Until(l.horizon(m.Index))
	return func(yield func([]meter.Point, error) bool) {
		var points []meter.Point
		var err error
		for part := w; part.From <= w.To; part.From = part.To + 1 {
			part.To = min(w.To, l.zone.MonthWindow(l.zone.MonthOf(part.From)).Rows().To)
			points, err = l.points(m, part, points[:0])
			if !yield(points, err) || err != nil {
				return
			}
		}
	}
}

// points appends a meter's readings within a window to an empty buffer, in order of
// time. They are as they were at one moment within each month.
func (l *Ledger) points(m store.Meter, w meter.Window, buffer []meter.Point) ([]meter.Point, error) {
	for {
		held := l.store.Read(m.Index, w, buffer)
		points, err := l.withArchived(m, w, held)
		if err == nil || !slices.ContainsFunc(held.Archives, l.rewritten) {
			return points, err
		}
	}
}

func (l *Ledger) withArchived(m store.Meter, w meter.Window, held store.Known) ([]meter.Point, error) {
	if len(held.Archives) == 0 {
		return held.Points, nil
	}
	points := held.Points
	for _, month := range held.Archives {
		rows, err := l.archivedRows(m, month)
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
	return points, nil
}
