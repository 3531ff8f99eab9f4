package meter

import (
	"encoding/binary"
	"time"
)

// stampBytes is the length of a timestamp without an offset.
const stampBytes = len(stampLayout)

// Calendar reads and writes timestamps as its Zone does, and fast: it remembers days.
// In a remembered day the half hours and their timestamps stand in one fixed order, so
// either follows from the other by arithmetic. It is for one goroutine.
type Calendar struct {
	zone   *Zone
	steady Window          // in which the zone's offset does not change and no timestamp shows it
	ahead  Slot            // how far the clock is ahead of the zone's standard time in it
	day    calendarDay     // the one that was turned to last
	read   [64]calendarDay // those that were read, by dayHash: two months, as a backlog has them
}

// NewCalendar returns a calendar that remembers no day yet.
func NewCalendar(zone *Zone) Calendar { return Calendar{zone: zone} }

// calendarDay is a day by the zone's clock, or the part of it that lies in a steady
// window.
type calendarDay struct {
	date     uint64 // as 2026-11-, the first byte lowest
	rest     uint64 // as 23T
	midnight Slot   // which may lie before the part
	first    Slot   // of the part
	slots    Slot   // in the part; none if no day is remembered
}

// ParseSlot reads a timestamp as Zone.ParseSlot does, which is asked if the day is new
// or the timestamp is not in the form of Text.
func (c *Calendar) ParseSlot(field string, s []byte) (Slot, error) {
	if len(s) == stampBytes {
		if slot, ok := c.remembered(s); ok {
			return slot, nil
		}
	}
	slot, err := c.zone.ParseSlot(field, string(s))
	if err == nil && c.turn(slot) {
		c.read[dayHash(c.day.date, c.day.rest)] = c.day
	}
	return slot, err
}

// remembered reads a timestamp in the form of Text, with a blank in place of the T or not, of a
// day that was read before. It has stampBytes.
func (c *Calendar) remembered(s []byte) (Slot, bool) {
	date, rest, clock := binary.LittleEndian.Uint64(s), uint64(binary.LittleEndian.Uint16(s[8:])), binary.LittleEndian.Uint64(s[11:])
	day, place := &c.read[dayHash(date, rest)], clockPlace(clock)
	slot := day.midnight + Slot(place)
	return slot, (s[10] == 'T' || s[10] == ' ') && day.date == date && day.rest == rest|'T'<<16 && clockTimes[place] == clock && slot-day.first < day.slots
}

// dayHash differs for the days of two months side by side.
func dayHash(date, rest uint64) uint64 {
	monthOnes, dayTens, dayOnes := date>>48&0xff, rest&0xff, rest>>8&0xff
	return (dayOnes + 10*dayTens + 31*monthOnes) % 64
}

// clockPlace returns the only half hour of a day that a clock time can be.
func clockPlace(clock uint64) uint64 {
	tens, ones, halves := clock&0xf, clock>>8&0xf, clock>>24&1 // of the minutes' tens, 0 or 3
	return (20*tens + 2*ones + halves) % 64
}

// Text returns the timestamp of a slot in the remembered day, and false for all other
// slots. It is small enough to be inlined.
func (c *Calendar) Text(slot Slot) (t Text, ok bool) {
	clock := clockTimes[(slot-c.day.midnight)%64]
	ok = slot-c.day.first < c.day.slots // the difference wraps around for earlier slots
	return stampText(c.day.date, c.day.rest, clock), ok
}

// stampText returns the timestamp of a date, as a calendarDay has it, and a time of day.
func stampText(date, rest, clock uint64) Text {
	return Text{date, rest | clock<<24, clock >> 40, uint64(stampBytes) << lengthShift}
}

// TurnTo remembers the day of a slot, and returns the slot's timestamp, of any length.
func (c *Calendar) TurnTo(slot Slot) Text {
	if c.turn(slot) {
		t, _ := c.Text(slot)
		return t
	}
	return NewText(c.zone.Stamp(slot))
}

// turn makes the day of a slot the remembered one. It reports false if the clock shows the
// slot's time twice, so that its timestamp has an offset.
func (c *Calendar) turn(slot Slot) bool {
	if !c.steady.Contains(slot) && !c.findSteady(slot) {
		return false
	}
	number := (slot + c.ahead) / SlotsPerDay
	midnight := number*SlotsPerDay - c.ahead
	first, last := max(midnight, c.steady.From), min(midnight+SlotsPerDay-1, c.steady.To)
	year, month, day := time.Unix(int64(number)*24*60*60, 0).UTC().Date()
	date, rest := dateWords(year, month, day)
	c.day = calendarDay{date, rest, midnight, first, last - first + 1}
	return true
}

// dateWords returns the date of a calendarDay.
func dateWords(year int, month time.Month, day int) (date, rest uint64) {
	return twoDigits(year/100) | twoDigits(year%100)<<16 | '-'<<32 | twoDigits(int(month))<<40 | '-'<<56, twoDigits(day) | 'T'<<16
}

// The years whose timestamps are read, in seconds since 1970 by the clock.
var (
	earliest = time.Date(EarliestYear, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	latest   = time.Date(latestYear+1, 1, 1, 0, 0, 0, 0, time.UTC).Unix() - 1
)

// findSteady looks for the time around a slot in which the clock is not changed, less
// what it shows twice because it is put back.
func (c *Calendar) findSteady(slot Slot) bool {
	t := c.zone.Time(slot)
	_, offset := t.Zone()
	from, to := earliest-int64(offset), latest-int64(offset)
	start, end := t.ZoneBounds()
	if !start.IsZero() {
		_, before := start.Add(-time.Second).Zone()
		from = max(from, start.Unix()+max(0, int64(before-offset)))
	}
	if !end.IsZero() {
		_, after := end.Zone()
		to = min(to, end.Unix()-1-max(0, int64(offset-after)))
	}
	ahead := int64(offset) - c.zone.standard
	if ahead%slotSeconds != 0 || t.Unix() < from || t.Unix() > to {
		return false
	}
	c.ahead = Slot(ahead / slotSeconds)
	c.steady = Window{c.zone.Floor(time.Unix(from+slotSeconds-1, 0)), c.zone.Floor(time.Unix(to, 0))}
	return true
}

func twoDigits(n int) uint64 { return uint64('0'+n/10%10) | uint64('0'+n%10)<<8 }

// clockTimes are the times of the half hours of a day, each in one word as in a Text.
// It has 64 entries, so that an index of six bits needs no bounds check.
var clockTimes = func() (times [64]uint64) {
	for i := range SlotsPerDay {
		clock := time.Unix(int64(i)*slotSeconds, 0).UTC().Format(time.TimeOnly)
		times[i] = binary.LittleEndian.Uint64([]byte(clock))
	}
	return times
}()
