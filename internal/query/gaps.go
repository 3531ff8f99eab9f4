package query

import "meterledger/internal/meter"

// Gaps are what is missing of a meter within a window, up to now.
type Gaps struct {
	Readings int
	Expected int
	Missing  []meter.Window // stretches of half hours without a reading, in order of time
}

// Gaps looks for the readings that are missing within a window. There are none exactly
// where its consumption is complete.
func (q *Reader) Gaps(id meter.ID, w meter.Window) (Gaps, error) {
	m, err := q.find(id)
	if err != nil {
		return Gaps{}, err
	}
	w = w.Until(q.horizon(m.Index))
	gaps := Gaps{Expected: w.Points()}
	next := w.From // the first half hour that was not looked at
	missing := func(until meter.Slot) {
		if next < until {
			gaps.Missing = append(gaps.Missing, meter.Window{From: next, To: until - 1})
		}
	}
	for points, err := range q.months(m, w) {
		if err != nil {
			return Gaps{}, err
		}
		gaps.Readings += len(points)
		for _, p := range points {
			missing(p.Slot)
			next = p.Slot + 1
		}
	}
	if gaps.Expected > 0 {
		missing(w.To + 1)
	}
	return gaps, nil
}
