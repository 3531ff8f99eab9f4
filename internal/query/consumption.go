package query

import (
	"github.com/shopspring/decimal"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// Consumption is what a meter measured within a window: the first register in it,
// the last, and how many of the expected readings there are.
type Consumption struct {
	Start, End meter.Point
	Changes    meter.Dials // between the two
	Readings   int
	Expected   int // the window's grid points up to now
}

// Energy is what was used between the two registers.
func (c Consumption) Energy() meter.Energy { return c.Changes.Used(c.Start, c.End) }

// Complete reports whether every expected reading is there.
func (c Consumption) Complete() bool { return c.Readings == c.Expected }

// Consumption returns what a meter measured within a window.
func (q *Reader) Consumption(id meter.ID, window meter.Window) (Consumption, error) {
	m, err := q.find(id)
	if err != nil {
		return Consumption{}, err
	}
	c, err := q.measure(m, window)
	if err == nil && c.Readings < 2 {
		err = meter.NotFound(meter.CodeNotEnoughReadings,
			"meter %s has %d of the two readings that a consumption needs between %s and %s",
			id, c.Readings, q.zone.Stamp(window.From), q.zone.Stamp(window.To))
	}
	return c, err
}

// measure is Consumption without the error if there are too few readings.
func (q *Reader) measure(m store.Meter, window meter.Window) (Consumption, error) {
	expected := window.Until(q.horizon(m.Index)).Points()
	if span, whole := q.store.Span(m.Index, window); whole { // nearly always; it reads none between the two
		return Consumption{span.First, span.Last, span.Dials.Between(span.First.Slot, span.Last.Slot), span.Count, expected}, nil
	}
	var c Consumption
	dials, err := q.steadily(m.Index, func() (err error) {
		c, err = q.addUp(m, window)
		return err
	})
	c.Changes, c.Expected = dials.Between(c.Start.Slot, c.End.Slot), expected
	return c, err
}

// addUp measures a window month by month.
func (q *Reader) addUp(m store.Meter, window meter.Window) (c Consumption, err error) {
	for points, err := range q.months(m, window) {
		if err != nil {
			return c, err
		}
		if len(points) == 0 {
			continue
		}
		if c.Readings == 0 {
			c.Start = points[0]
		}
		c.End = points[len(points)-1]
		c.Readings += len(points)
	}
	return c, nil
}

// percentDecimals is how many digits after the point a percentage is rounded to,
// halves away from zero.
const percentDecimals = 2

// Comparison sets a consumption beside that of the window before.
type Comparison struct {
	Window meter.Window // before
	Consumption
}

// Before measures the window before another. While that has not ended, it measures the
// same part of the window before.
func (q *Reader) Before(id meter.ID, w meter.Window) (Comparison, error) {
	m, err := q.find(id)
	if err != nil {
		return Comparison{}, err
	}
	before := WindowBefore(w)
	if now := q.horizon(m.Index); now < w.To {
		before = before.Until(before.From + max(now, w.From) - w.From)
	}
	c, err := q.measure(m, before)
	return Comparison{before, c}, err
}

// Known reports whether there are enough readings for a consumption.
func (c Comparison) Known() bool { return c.Readings >= 2 }

// Difference is how much more was used since: less than zero if it was less.
func (c Comparison) Difference(since Consumption) meter.Energy {
	return meter.Energy{Decimal: since.Energy().Decimal.Sub(c.Energy().Decimal)}
}

// Percent is the difference in percent of the earlier consumption. ok is false if that is
// zero.
func (c Comparison) Percent(since Consumption) (percent decimal.Decimal, ok bool) {
	earlier := c.Energy().Decimal
	if earlier.IsZero() {
		return decimal.Decimal{}, false
	}
	return c.Difference(since).Shift(2).DivRound(earlier, percentDecimals), true
}

// Gaps are what is missing of a meter within a window, up to now.
type Gaps struct {
	Readings int
	Expected int
	Missing  []meter.Window // stretches of half hours without a reading, in order of time
}

// Gaps looks for the readings that are missing within a window. There are none if, and
// only if, its consumption is complete.
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
