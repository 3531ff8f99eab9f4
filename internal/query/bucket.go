package query

import (
	"meterledger/internal/meter"
)

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

// Bucket is one interval of a series, clipped to the window that was asked for.
// What was used in it is the difference of the registers at its two ends, never a
// sum; neighbours share a register, so buckets add up by construction.
type Bucket struct {
	Window     meter.Window
	Start, End Boundary
	Clipped    bool // it is shorter than its interval: the window or the present cuts it
	Complete   bool // every reading of it was received, those at its ends too
}

// Known reports whether the registers at both ends are known, so that there is a consumption.
func (b Bucket) Known() bool { return b.Start.Source != Missing && b.End.Source != Missing }

// Estimated reports whether a register of it was not received but interpolated.
func (b Bucket) Estimated() bool {
	return b.Start.Source == Interpolated || b.End.Source == Interpolated
}

// Boundary is the register at one end of a bucket.
type Boundary struct {
	Register meter.KWh // of no meaning where it is missing
	Source   Source
}

// Source says how a register is known.
type Source uint8

// Nothing is guessed unless the caller asks for it.
const (
	Missing      Source = iota // it is not
	Received                   // the meter sent it
	Interpolated               // it lies on the straight line between the readings around it
)
