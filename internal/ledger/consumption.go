package ledger

import (
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
func (l *Ledger) Window(id meter.ID, period Period, custom meter.Window) (meter.Window, error) {
	m, err := l.find(id)
	switch {
	case err != nil:
		return meter.Window{}, err
	case period == Custom:
		return custom, nil
	case period == Last30Min:
		return l.lastHalfHour(m)
	default:
		return period.window(l.zone, l.now()), nil
	}
}

// Consumption returns what a meter measured within a window.
func (l *Ledger) Consumption(id meter.ID, window meter.Window) (Consumption, error) {
	m, err := l.find(id)
	if err != nil {
		return Consumption{}, err
	}
	c, err := l.measure(m, window)
	if err == nil && c.Readings < 2 {
		err = meter.NotFound(meter.CodeNotEnoughReadings,
			"meter %s has %d of the two readings that a consumption needs between %s and %s",
			id, c.Readings, l.zone.Stamp(window.From), l.zone.Stamp(window.To))
	}
	return c, err
}

// measure is Consumption where there may be too few readings for one.
func (l *Ledger) measure(m store.Meter, window meter.Window) (Consumption, error) {
	c := Consumption{Expected: window.Until(l.horizon(m.Index)).Points()}
	if span, whole := l.store.Span(m.Index, window); whole { // nearly always; none between the two is looked at
		c.Start, c.End, c.Readings = span.First, span.Last, span.Count
		return c, nil
	}
	for points, err := range l.months(m, window) {
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
func (l *Ledger) lastHalfHour(m store.Meter) (meter.Window, error) {
	end := l.zone.Floor(l.now())
	points, err := l.points(m, meter.Window{From: end, To: end}, nil)
	if err != nil {
		return meter.Window{}, err
	}
	if len(points) == 0 {
		end--
	}
	return meter.Window{From: end - 1, To: end}, nil
}
