package ledger

import "meterledger/internal/meter"

// Gaps are what is missing of a meter within a window, up to now.
type Gaps struct {
	Readings int
	Expected int
	Runs     []meter.Window // of half hours without a reading, in order of time
}

// Gaps looks for the readings that are missing within a window. There are none exactly
// where its consumption is complete.
func (l *Ledger) Gaps(id meter.ID, w meter.Window) (Gaps, error) {
	m, err := l.find(id)
	if err != nil {
		return Gaps{}, err
	}
	w = w.Until(l.horizon(m.Index))
	gaps := Gaps{Expected: w.Points()}
	next := w.From // the first half hour that was not looked at
	missing := func(until meter.Slot) {
		if next < until {
			gaps.Runs = append(gaps.Runs, meter.Window{From: next, To: until - 1})
		}
	}
	for points, err := range l.months(m, w) {
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
