package ledger

import (
	"time"

	"meterledger/internal/meter"
)

// Period names a window that moves with the present.
type Period string

// The periods that can be asked for.
const (
	Last30Min Period = "last_30min"
	Today     Period = "today"
	ThisWeek  Period = "this_week" // from Monday
	ThisMonth Period = "this_month"
	LastMonth Period = "last_month"
	Custom    Period = "custom" // a window of the caller's own
)

// window returns the window of a period, Last30Min and Custom excepted: they do
// not depend on the calendar.
func (p Period) window(zone *meter.Zone, now time.Time) meter.Window {
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
