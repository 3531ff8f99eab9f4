package query

import (
	"github.com/shopspring/decimal"

	"meterledger/internal/meter"
	"meterledger/internal/store"
	"meterledger/internal/vee"
)

// Consumption is what a meter measured within a window: the first register in it and the
// last, or those at its two ends if they are estimated, and how many of the expected readings
// there are.
type Consumption struct {
	Start, End vee.Known
	Readings   int
	Expected   int // the window's grid points up to now

	dials meter.Dials
}

// Energy is what was used between the two registers.
func (c Consumption) Energy() meter.Energy { return c.End.Total().Sub(c.Start.Total()) }

// Source says how that is known.
func (c Consumption) Source() vee.Source { return vee.Between(c.Start, c.End, c.dials) }

// Known reports whether there are two registers.
func (c Consumption) Known() bool {
	return c.Start.Source != vee.Missing && c.End.Source != vee.Missing && c.Start.Slot < c.End.Slot
}

// Complete reports whether every expected reading is there.
func (c Consumption) Complete() bool { return c.Readings == c.Expected }

// Consumption returns what a meter measured within a window.
func (q *Reader) Consumption(id meter.ID, window meter.Window, mode vee.Mode) (Consumption, error) {
	m, err := q.find(id)
	if err != nil {
		return Consumption{}, err
	}
	c, err := q.measure(m, window, mode)
	if err == nil && !c.Known() {
		err = meter.NotFound(meter.CodeNotEnoughReadings,
			"meter %s has %d of the two readings that a consumption needs between %s and %s",
			id, c.Readings, q.zone.Stamp(window.From), q.zone.Stamp(window.To))
	}
	return c, err
}

// measure is Consumption without the error if there are too few readings.
func (q *Reader) measure(m store.Meter, window meter.Window, mode vee.Mode) (Consumption, error) {
	window = window.Until(q.horizon(m.Index))
	c := Consumption{Expected: window.Points()}
	if err := q.count(m, window, &c); err != nil || mode == vee.None || c.Expected == 0 {
		return c, err
	}
	if err := q.estimate(m, window.From, mode, &c.Start); err != nil {
		return c, err
	}
	return c, q.estimate(m, window.To, mode, &c.End)
}

// count counts the readings of a window and looks up the first and the last.
func (q *Reader) count(m store.Meter, window meter.Window, c *Consumption) error {
	var first, last meter.Point
	if span, whole := q.store.Span(m.Index, window); whole { // nearly always; it reads none between the two
		first, last, c.Readings = span.First, span.Last, span.Count
	} else {
		for points, err := range q.months(m, window) {
			if err != nil {
				return err
			}
			if len(points) == 0 {
				continue
			}
			if c.Readings == 0 {
				first = points[0]
			}
			last = points[len(points)-1]
			c.Readings += len(points)
		}
	}
	if c.Readings > 0 {
		c.Start, c.End = c.read(first), c.read(last)
	}
	return nil
}

func (c *Consumption) read(p meter.Point) vee.Known {
	return vee.Known{Point: p, Offset: c.dials.Offset(p.Slot), Source: vee.Received}
}

// estimate replaces an end of a window by the register at a slot, as far as one can be estimated.
func (q *Reader) estimate(m store.Meter, slot meter.Slot, mode vee.Mode, end *vee.Known) error {
	if end.Source != vee.Missing && end.Slot == slot {
		return nil
	}
	r, err := q.registers(m, meter.Window{From: slot, To: slot}, mode)
	if err != nil {
		return err
	}
	defer r.release()
	var k vee.Known
	if r.at(slot, &k); k.Source != vee.Missing {
		*end = k
	}
	return nil
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
func (q *Reader) Before(id meter.ID, w meter.Window, mode vee.Mode) (Comparison, error) {
	m, err := q.find(id)
	if err != nil {
		return Comparison{}, err
	}
	before := WindowBefore(w)
	if now := q.horizon(m.Index); now < w.To {
		before = before.Until(before.From + max(now, w.From) - w.From)
	}
	c, err := q.measure(m, before, mode)
	return Comparison{before, c}, err
}

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
