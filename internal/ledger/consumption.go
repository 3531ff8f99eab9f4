package ledger

import (
	"errors"
	"slices"

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

// Consumption answers for a period; window is only looked at for Custom.
func (l *Ledger) Consumption(id meter.ID, period Period, window meter.Window) (Consumption, error) {
	i, err := l.find(id)
	if err != nil {
		return Consumption{}, err
	}
	switch period {
	case Custom:
	case Last30Min:
		if window, err = l.lastHalfHour(i); err != nil {
			return Consumption{}, err
		}
	default:
		window = period.window(l.zone, l.now())
	}
	points, err := l.points(i, id, window)
	if err != nil {
		return Consumption{}, err
	}
	if len(points) < 2 {
		return Consumption{}, meter.NotFound(meter.CodeNotEnoughReadings,
			"meter %s has %d of the two readings that a consumption needs between %s and %s",
			id, len(points), l.zone.Stamp(window.From), l.zone.Stamp(window.To))
	}
	c := Consumption{Start: points[0], End: points[len(points)-1], Readings: len(points)}
	// A meter whose clock is ahead may have sent what is not expected yet.
	c.Expected = window.Until(max(l.zone.Floor(l.now()), c.End.Slot)).Points()
	return c, nil
}

// lastHalfHour is the latest half hour that has ended, or the one before it while
// the meter has not sent the register that closes it.
func (l *Ledger) lastHalfHour(i store.Index) (meter.Window, error) {
	end := l.zone.Floor(l.now())
	points, err := l.points(i, l.store.Account(i).ID, meter.Window{From: end, To: end})
	if err != nil {
		return meter.Window{}, err
	}
	if len(points) == 0 {
		end--
	}
	return meter.Window{From: end - 1, To: end}, nil
}

// Readings returns a meter's readings within a window, in order of time, wherever they are.
func (l *Ledger) Readings(id meter.ID, w meter.Window) ([]meter.Point, error) {
	i, err := l.find(id)
	if err != nil {
		return nil, err
	}
	return l.points(i, id, w)
}

func (l *Ledger) points(i store.Index, id meter.ID, w meter.Window) ([]meter.Point, error) {
	for {
		points, err := l.pointsOnce(i, id, w)
		if !errors.Is(err, errArchivedAgain) {
			return points, err
		}
	}
}

func (l *Ledger) pointsOnce(i store.Index, id meter.ID, w meter.Window) ([]meter.Point, error) {
	held := l.store.Read(i, w, nil)
	if len(held.Archives) == 0 {
		return held.Points, nil
	}
	points := held.Points
	for _, month := range held.Archives {
		rows, err := l.archivedRows(id, month)
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
