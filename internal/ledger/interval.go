package ledger

import "meterledger/internal/meter"

// Interval is the length of a series' buckets.
type Interval string

// The intervals of a series. All but the first follow the zone's clock.
const (
	HalfHour Interval = "30min"
	Hour     Interval = "hour"
	Day      Interval = "day"
	Week     Interval = "week" // from Monday, as ISO 8601 has it
	Month    Interval = "month"
)

// around returns the interval that begins at a slot or in which it lies. Its end
// is the beginning of the next one.
func (i Interval) around(zone *meter.Zone, s meter.Slot) meter.Window {
	switch i {
	case HalfHour:
		return meter.Window{From: s, To: s + 1}
	case Hour:
		return hourAround(zone, s)
	case Day:
		return zone.DayWindow(zone.DayOf(s))
	case Week:
		return zone.WeekWindow(zone.DayOf(s))
	case Month:
		return zone.MonthWindow(zone.MonthOf(s))
	default:
		panic("BUG: interval " + string(i) + " is not known")
	}
}

// hourAround holds where a clock is changed by half an hour too: an hour may then
// have one half hour, never three.
func hourAround(zone *meter.Zone, s meter.Slot) meter.Window {
	onTheHour := func(s meter.Slot) bool { return zone.Time(s).Minute() == 0 }
	if !onTheHour(s) && onTheHour(s-1) {
		s--
	}
	if onTheHour(s) && !onTheHour(s+1) {
		return meter.Window{From: s, To: s + 2}
	}
	return meter.Window{From: s, To: s + 1}
}
