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
func (c Consumption) Energy() meter.Energy {
	return c.dials.TotalOn(c.End.Changes, c.End.Register).Sub(c.dials.TotalOn(c.Start.Changes, c.Start.Register))
}

// Changes returns the changes of dials between the two registers.
func (c Consumption) Changes() meter.Dials { return c.dials[c.Start.Changes:c.End.Changes] }

// Source says how that is known.
func (c *Consumption) Source() vee.Source { return vee.Between(&c.Start, &c.End, c.dials) }

// Known reports whether there are two registers.
func (c Consumption) Known() bool {
	return c.Start.Source != vee.Missing && c.End.Source != vee.Missing && c.Start.Slot < c.End.Slot
}

// Complete reports whether every expected reading is there.
func (c Consumption) Complete() bool { return c.Readings == c.Expected }

// Consumption returns what a meter measured within a window.
func (q *Reader) Consumption(id meter.ID, window meter.Window, mode vee.Mode) (Consumption, error) {
	m, window, err := q.findWithin(id, window)
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
	window = q.reach(m, window)
	span, whole := q.store.Span(m.Index, window) // nearly always; it reads none between the two
	var start, end vee.Known
	var err error
	if !whole || mode != vee.None {
		span.Dials, err = q.steadily(m, func() (err error) {
			if span, err = q.addUp(m, window); err == nil && mode != vee.None && window.Points() > 0 {
				start, end, err = q.ends(m, window, mode)
			}
			return err
		})
	} else {
		span.Dials, err = q.ownDials(m, span.Dials)
	}
	if err != nil {
		return Consumption{}, err
	}
	c := Consumption{dials: span.Dials, Readings: span.Count, Expected: window.Points()}
	if c.Readings > 0 {
		edits := q.edits(m.Index, window)
		c.Start, c.End = edits.read(span.First, span.Dials), edits.read(span.Last, span.Dials)
	}
	if start.Source != vee.Missing {
		c.Start = start
	}
	if end.Source != vee.Missing {
		c.End = end
	}
	return c, nil
}

// addUp is Span of the store for readings wherever they are, without the dials. Like that, it is of one moment,
// for which it takes 16 bytes for each reading.
func (q *Reader) addUp(m store.Meter, window meter.Window) (span store.Span, err error) {
	points, err := q.points(m, window, nil)
	if err == nil && len(points) > 0 {
		span.Count, span.First, span.Last = len(points), points[0], points[len(points)-1]
	}
	return span, err
}

// ends returns the registers at the two ends of a window, as far as they can be estimated.
func (q *Reader) ends(m store.Meter, window meter.Window, mode vee.Mode) (start, end vee.Known, err error) {
	if start, err = q.register(m, window.From, mode); err == nil {
		end, err = q.register(m, window.To, mode)
	}
	return start, end, err
}

func (q *Reader) register(m store.Meter, slot meter.Slot, mode vee.Mode) (k vee.Known, err error) {
	r, err := q.registers(m, meter.Window{From: slot, To: slot}, mode)
	if err == nil {
		r.at(slot, &k)
		r.release()
	}
	return k, err
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
	before := q.cut(WindowBefore(w))
	if now := q.horizon(m); now < w.To {
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
	m, w, err := q.findWithin(id, w)
	if err != nil {
		return Gaps{}, err
	}
	w = q.reach(m, w)
	gaps := Gaps{Expected: w.Points()}
	next := w.From // the first half hour that was not looked at
	missing := func(until meter.Slot) {
		if next < until {
			gaps.Missing = append(gaps.Missing, meter.Window{From: next, To: until - 1})
		}
	}
	points, err := q.points(m, w, nil) // of one moment, as the consumption is
	if err != nil {
		return Gaps{}, err
	}
	gaps.Readings = len(points)
	for _, p := range points {
		missing(p.Slot)
		next = p.Slot + 1
	}
	if gaps.Expected > 0 {
		missing(w.To + 1)
	}
	return gaps, nil
}
