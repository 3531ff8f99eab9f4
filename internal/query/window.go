package query

import (
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// WindowName names a window that moves with the present.
type WindowName string

// The names that callers may use.
const (
	Last30Min WindowName = "last_30min"
	Today     WindowName = "today"
	ThisWeek  WindowName = "this_week" // from Monday
	ThisMonth WindowName = "this_month"
	LastMonth WindowName = "last_month"
	Custom    WindowName = "custom" // a window of the caller's own
)

// Window returns the part within the scope of the window that a name means for a meter now;
// custom is that of Custom.
func (q *Reader) Window(id meter.ID, name WindowName, custom meter.Window) (w meter.Window, err error) {
	m, err := q.find(id)
	switch {
	case err != nil:
		return w, err
	case name == Custom:
		w = custom
	case name == Last30Min:
		w, err = q.lastHalfHour(m)
	default:
		w = name.window(q.zone, q.now())
	}
	if err != nil {
		return w, err
	}
	return q.own(id, w)
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

// window returns the window of a name that depends on the calendar: any but Last30Min
// and Custom.
func (n WindowName) window(zone *meter.Zone, now time.Time) meter.Window {
	today := zone.Today(now)
	switch n {
	case Today:
		return zone.DayWindow(today)
	case ThisWeek:
		return zone.WeekWindow(today)
	case ThisMonth:
		return zone.MonthWindow(today.CalendarMonth())
	case LastMonth:
		return zone.MonthWindow(today.CalendarMonth().Add(-1))
	default:
		panic("BUG: window " + string(n) + " is not known")
	}
}

// WindowBefore returns the window of the same length just before another. It counts
// half hours, not days of a calendar.
func WindowBefore(w meter.Window) meter.Window {
	length := min(w.To-w.From, w.From) // time begins with slot 0
	return meter.Window{From: w.From - length, To: w.From}
}
