package query

import (
	"slices"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// Within returns a reader of what lies within a caller's scope: it answers as if there were no
// other meters, and no readings, changes of dials or corrections of another time. What Accounts,
// Meters and Export return is not cut: lists are for callers of all meters. The scope must not be
// changed while the reader is used.
func (q *Reader) Within(s *meter.Scope) *Reader {
	if s.IsAll && s.From == 0 && s.Until == 0 {
		return q
	}
	cut := *q
	cut.scope, cut.within = s, s.Cut(AllTime)
	return &cut
}

// cut returns the part of a window that lies within the scope.
func (q *Reader) cut(w meter.Window) meter.Window {
	return meter.Window{From: max(w.From, q.within.From), To: min(w.To, q.within.To)}
}

// isCut reports whether the scope leaves out a part of a window.
func (q *Reader) isCut(w meter.Window) bool { return q.cut(w) != w }

// own is cut for a window that is asked about: it is an error if nothing is left of it.
func (q *Reader) own(id meter.ID, w meter.Window) (meter.Window, error) {
	cut := q.cut(w)
	if cut != w && cut.Points() == 0 {
		return cut, meter.NotFound(meter.CodeNotEnoughReadings,
			"meter %s has no half hour in this window that lies within the time of the credential", id)
	}
	return cut, nil
}

// findWithin finds a meter by its id, and the part of a window that may be asked about.
func (q *Reader) findWithin(id meter.ID, w meter.Window) (m store.Meter, own meter.Window, err error) {
	if m, err = q.find(id); err == nil {
		own, err = q.own(id, w)
	}
	return m, own, err
}

// reach returns the part of a window that lies within the scope and can have readings.
func (q *Reader) reach(m store.Meter, w meter.Window) meter.Window {
	return q.cut(w).Until(q.horizon(m))
}

// dials returns the changes of a meter that lie within the scope.
func (q *Reader) dials(m store.Meter) (meter.Dials, error) {
	all, _ := q.store.Life(m.Index)
	return q.ownDials(m, all)
}

// ownDials returns those of a meter's changes that lie within the scope and say nothing of another
// time. One at the scope's end belongs to who comes after. A dial that nobody read ended with its
// last reading, and a rollover follows from the readings around it: both need readings within the
// scope on that side.
func (q *Reader) ownDials(m store.Meter, all meter.Dials) (meter.Dials, error) {
	if len(all) == 0 || !q.isCut(AllTime) {
		return all, nil
	}
	own := all.Between(q.within.From, q.within.To)
	if !slices.ContainsFunc(own, func(c meter.Change) bool { return c.IsEstimated || c.Kind == meter.Rollover }) {
		return own, nil
	}
	first, err := q.first(m)
	if err != nil {
		return nil, err
	}
	last, err := q.last(m)
	if err != nil {
		return nil, err
	}
	return own.ProvenBy(first, last), nil
}

// first returns the first reading of a meter within the scope, or nil.
func (q *Reader) first(m store.Meter) (*meter.Point, error) {
	return q.after(m, max(q.within.From, 1)-1)
}

// last returns the last reading of a meter within the scope, or nil.
func (q *Reader) last(m store.Meter) (*meter.Point, error) {
	latest := q.store.Latest(m.Index)
	switch {
	case latest.Slot > q.within.To:
		return q.before(m, q.within.To+1)
	case latest.Slot == 0 || latest.Slot < q.within.From:
		return nil, nil
	}
	return &latest, nil
}
