package meter

import (
	"fmt"
	"time"
)

// SlotsPerDay is the number of half hours in a day of standard time.
const SlotsPerDay = 48

const slotSeconds = 30 * 60

// Slot is a point on the half-hour grid: the number of half hours since
// 1970-01-01T00:00 in the standard time of a Zone. Only a Zone turns instants
// into slots and back.
type Slot uint32

// Page returns the day of standard time that s lies in, counted from
// 1970-01-01, and the slot's place in that day (0 to 47).
func (s Slot) Page() (day uint32, index int) {
	return uint32(s) / SlotsPerDay, int(uint32(s) % SlotsPerDay)
}

// Instant returns the instant of a slot.
func (s Slot) Instant() Instant { return Instant(s) * slotSeconds }

// Instant is a second of the grid's time, counted from 1970-01-01T00:00 in the standard time
// of a Zone.
type Instant int64

// Slot returns the last slot that is not after i, and whether i lies on the grid.
func (i Instant) Slot() (slot Slot, onGrid bool) {
	return Slot(i / slotSeconds), i%slotSeconds == 0
}

// Window is a span of time from one register reading to another. Both ends
// belong to it: the consumption between them is the later register less the
// earlier. A Window with To before From is empty.
type Window struct {
	From, To Slot
}

// Contains reports whether s is one of the window's grid points.
func (w Window) Contains(s Slot) bool { return w.From <= s && s <= w.To }

// Points returns how many grid points the window has, its ends included.
func (w Window) Points() int {
	if w.To < w.From {
		return 0
	}
	return int(w.To-w.From) + 1
}

// Rows returns the part of the window whose rows belong to an archive of it: all but
// the last register, with which the next window begins.
func (w Window) Rows() Window { return Window{w.From, w.To - 1} }

// Until returns the part of the window that is not after last.
func (w Window) Until(last Slot) Window {
	return Window{w.From, min(w.To, last)}
}

// Zone is the time zone whose clock the callers read. Windows (days, weeks,
// months) follow that clock, daylight saving included; the half-hour grid lies
// on the zone's standard time and so never jumps.
type Zone struct {
	location *time.Location
	standard int64 // seconds east of UTC outside daylight saving
}

// offsetYear is the year whose offset outside daylight saving is taken as the
// zone's standard time. It is fixed, so that a slot means the same instant in
// every year the program is run.
const offsetYear = 2025

// LoadZone finds a zone by its IANA name, such as Asia/Singapore.
func LoadZone(name string) (*Zone, error) {
	location, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, fmt.Errorf("%q is not an IANA time zone such as Asia/Singapore", name)
	}
	z := &Zone{location: location}
	for _, month := range []time.Month{time.July, time.January} {
		t := time.Date(offsetYear, month, 1, 0, 0, 0, 0, location)
		if _, offset := t.Zone(); !t.IsDST() {
			z.standard = int64(offset)
		}
	}
	return z, nil
}

// Location returns the zone as the standard library knows it.
func (z *Zone) Location() *time.Location { return z.location }

func (z *Zone) String() string { return z.location.String() }

// SlotOf returns the slot of an instant, and false if the instant lies off
// the half-hour grid or before 1970.
func (z *Zone) SlotOf(t time.Time) (Slot, bool) {
	seconds := t.Unix() + z.standard
	if seconds < 0 || seconds%slotSeconds != 0 || t.Nanosecond() != 0 {
		return 0, false
	}
	return Slot(seconds / slotSeconds), true
}

// Floor returns the last slot that is not after t, or the first of all if t is before 1970.
func (z *Zone) Floor(t time.Time) Slot {
	return Slot(max(0, t.Unix()+z.standard) / slotSeconds)
}

// Time returns the instant of a slot, on the zone's clock.
func (z *Zone) Time(s Slot) time.Time {
	return time.Unix(int64(s)*slotSeconds-z.standard, 0).In(z.location)
}

// Instant returns the instant of a time that is not before 1970, its fraction of a second
// dropped.
func (z *Zone) Instant(t time.Time) Instant { return Instant(t.Unix() + z.standard) }

// TimeOf returns the time of an instant, on the zone's clock.
func (z *Zone) TimeOf(i Instant) time.Time { return time.Unix(int64(i)-z.standard, 0).In(z.location) }

// DayOf returns the calendar day of a slot on the zone's clock.
func (z *Zone) DayOf(s Slot) Day { return dayOf(z.Time(s)) }

// Today returns the calendar day of an instant on the zone's clock.
func (z *Zone) Today(t time.Time) Day { return dayOf(t.In(z.location)) }

// DayStart returns the first grid point of d.
func (z *Zone) DayStart(d Day) Slot {
	local := d.utc()
	if shown := z.instants(local); shown.count > 0 {
		return z.Floor(shown.at[0])
	}
	// The clock jumped over midnight: the day starts where it landed.
	start, _ := time.Date(d.Year, d.Month, d.Day, 12, 0, 0, 0, z.location).ZoneBounds()
	return z.Floor(start)
}

// DayWindow runs from the first register of d to the first of the day after.
func (z *Zone) DayWindow(d Day) Window { return Window{z.DayStart(d), z.DayStart(d.AddDays(1))} }

// WeekWindow runs from Monday 00:00 of d's week to the next Monday 00:00.
func (z *Zone) WeekWindow(d Day) Window {
	monday := d.Monday()
	return Window{z.DayStart(monday), z.DayStart(monday.AddDays(7))}
}

// MonthWindow runs from the 1st 00:00 of m to the 1st 00:00 of the month after.
func (z *Zone) MonthWindow(m Month) Window {
	return Window{z.DayStart(m.FirstDay()), z.DayStart(m.Add(1).FirstDay())}
}

// MonthOf returns the calendar month of a slot on the zone's clock.
func (z *Zone) MonthOf(s Slot) Month { return z.DayOf(s).CalendarMonth() }

// instants are those at which a clock shows one date and time, the earliest first:
// none if the clock jumps over it, two if it is put back.
type instants struct {
	at    [2]time.Time
	count int
}

// instants returns when the zone's clock shows the date and time of local, whose own
// zone is ignored.
func (z *Zone) instants(local time.Time) (found instants) {
	last := 0
	for i, around := range [...]time.Duration{-24 * time.Hour, 24 * time.Hour} {
		_, offset := local.Add(around).In(z.location).Zone()
		if i > 0 && offset == last {
			break
		}
		last = offset
		t := local.Add(-time.Duration(offset) * time.Second).In(z.location)
		if _, actual := t.Zone(); actual == offset {
			found.at[found.count] = t
			found.count++
		}
	}
	return found
}
