package query

import (
	"time"

	"github.com/shopspring/decimal"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// Consumption is what a meter measured within a window: the first register in it,
// the last, and how many of the expected readings there are.
type Consumption struct {
	Start, End meter.Point
	Readings   int
	Expected   int // the window's grid points up to now
}

// Energy is what was used between the two registers.
func (c Consumption) Energy() meter.Energy { return c.End.Register.Sub(c.Start.Register) }

// Complete reports whether every expected reading is there.
func (c Consumption) Complete() bool { return c.Readings == c.Expected }

// Window returns the window of a period of a meter; custom is that of Custom.
func (q *Reader) Window(id meter.ID, period WindowName, custom meter.Window) (meter.Window, error) {
	m, err := q.find(id)
	switch {
	case err != nil:
		return meter.Window{}, err
	case period == Custom:
		return custom, nil
	case period == Last30Min:
		return q.lastHalfHour(m)
	default:
		return period.window(q.zone, q.now()), nil
	}
}

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

// measure is Consumption where there may be too few readings for one.
func (q *Reader) measure(m store.Meter, window meter.Window) (Consumption, error) {
	c := Consumption{Expected: window.Until(q.horizon(m.Index)).Points()}
	if span, whole := q.store.Span(m.Index, window); whole { // nearly always; none between the two is looked at
		c.Start, c.End, c.Readings = span.First, span.Last, span.Count
		return c, nil
	}
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

// lastHalfHour is the latest half hour that has ended, or the one before it while
// the meter has not sent the register that closes it.
func (q *Reader) lastHalfHour(m store.Meter) (meter.Window, error) {
	end := q.zone.Floor(q.now())
	points, err := q.points(m, meter.Window{From: end, To: end}, nil)
	if err != nil {
		return meter.Window{}, err
	}
	if len(points) == 0 {
		end--
	}
	return meter.Window{From: end - 1, To: end}, nil
}

// WindowName names a window that moves with the present.
type WindowName string

// The periods that can be asked for.
const (
	Last30Min WindowName = "last_30min"
	Today     WindowName = "today"
	ThisWeek  WindowName = "this_week" // from Monday
	ThisMonth WindowName = "this_month"
	LastMonth WindowName = "last_month"
	Custom    WindowName = "custom" // a window of the caller's own
)

// window returns the window of a period, Last30Min and Custom excepted: they do
// not depend on the calendar.
func (p WindowName) window(zone *meter.Zone, now time.Time) meter.Window {
	today := zone.Today(now)
	switch p {
	case Today:
		return zone.DayWindow(today)
	case ThisWeek:
		return zone.WeekWindow(today)
	case ThisMonth:
		return zone.MonthWindow(today.CalendarMonth())
	case LastMonth:
		return zone.MonthWindow(today.CalendarMonth().Add(-1))
	default:
		panic("BUG: period " + string(p) + " has no window of its own")
	}
}

// percentDecimals is how many digits after the point a percentage is rounded to,
// halves away from zero.
const percentDecimals = 2

// Comparison sets a consumption beside that of the window before.
type Comparison struct {
	Window meter.Window // before
	Consumption
}

// WindowBefore returns the window of the same length just before another. It counts
// half hours, not days of a calendar.
func WindowBefore(w meter.Window) meter.Window {
	length := min(w.To-w.From, w.From) // time begins with slot 0
	return meter.Window{From: w.From - length, To: w.From}
}

// Before measures the window before another. While that has not ended, the one
// before is only followed as far as it has come.
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

// Difference is how much more was used since: less than zero where it was less.
func (c Comparison) Difference(since Consumption) meter.Energy {
	return meter.Energy{Decimal: since.Energy().Decimal.Sub(c.Energy().Decimal)}
}

// Percent is the difference in percent of the earlier consumption, and false where
// that is zero.
func (c Comparison) Percent(since Consumption) (decimal.Decimal, bool) {
	earlier := c.Energy().Decimal
	if earlier.IsZero() {
		return decimal.Decimal{}, false
	}
	return c.Difference(since).Shift(2).DivRound(earlier, percentDecimals), true
}
