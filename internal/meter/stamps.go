package meter

import (
	"encoding/binary"
	"time"
)

// Stamps writes slots as Zone.Stamp does, and fast where they lie near each other:
// it remembers the day that it wrote last. It is for one goroutine.
type Stamps struct {
	zone  *Zone
	calm  Window // in which all days are alike; it begins with one
	first Slot   // of the day that is remembered
	slots Slot   // of that day: 48, or none where no day is remembered
	date  Text   // as 2026-11-23T
}

// NewStamps returns a writer of the zone's stamps.
func NewStamps(zone *Zone) *Stamps { return &Stamps{zone: zone} }

// Append adds the stamp of a slot to b. Some of b's capacity behind that may be
// written to.
func (s *Stamps) Append(b []byte, slot Slot) []byte {
	if t, ok := s.Text(slot); ok {
		return t.append(b)
	}
	if s.Turn(slot) {
		return s.Append(b, slot)
	}
	return append(b, s.zone.Stamp(slot)...)
}

// Text returns the stamp of a slot, and false where it does not lie in the day that is
// remembered.
func (s *Stamps) Text(slot Slot) (Text, bool) {
	place := slot - s.first // which wraps around for earlier ones
	clock := clockTimes[place%64]
	return Text{s.date.first, s.date.second | clock<<24, clock >> 40, stampLength}, place < s.slots
}

// stampLength is the length of a stamp without an offset, as 2026-11-23T10:30:00.
const stampLength = len(time.DateOnly + "T" + time.TimeOnly)

// Turn makes the day of a slot the remembered one. It reports false where the clock is
// changed nearby, so that stamps may have an offset and be too long for a Text.
func (s *Stamps) Turn(slot Slot) bool {
	s.slots = 0
	if !s.calm.Contains(slot) && !s.findCalm(slot) {
		return false
	}
	s.first = slot - (slot-s.calm.From)%SlotsPerDay
	s.slots = SlotsPerDay
	s.date = dateText(s.zone.DayOf(s.first))
	return true
}

// findCalm looks for the whole days around a slot in which the clock is not changed.
// The two days next to a change do not count: they may be longer or shorter than others,
// or show a time twice.
func (s *Stamps) findCalm(slot Slot) bool {
	const far = 48 * time.Hour
	t := s.zone.Time(slot)
	start, end := t.ZoneBounds()
	hour, minute, _ := t.Clock()
	if minute%30 != 0 {
		return false
	}
	midnight := slot - Slot(2*hour+minute/30)
	calm := Window{midnight % SlotsPerDay, ^Slot(0)}
	if !start.IsZero() {
		earliest := s.zone.Floor(start.Add(far))
		if midnight < earliest {
			return false
		}
		calm.From = earliest + (midnight-earliest)%SlotsPerDay
	}
	if !end.IsZero() {
		calm.To = s.zone.Floor(end.Add(-far))
	}
	if !calm.Contains(slot) {
		return false
	}
	s.calm = calm
	return true
}

// dateText is a day as 2026-11-23T, of a year with four digits.
func dateText(d Day) Text {
	return Text{
		first:  twoDigits(d.Year/100) | twoDigits(d.Year%100)<<16 | '-'<<32 | twoDigits(int(d.Month))<<40 | '-'<<56,
		second: twoDigits(d.Day) | 'T'<<16,
		length: len(time.DateOnly + "T"),
	}
}

func twoDigits(n int) uint64 { return uint64('0'+n/10%10) | uint64('0'+n%10)<<8 }

// clockTimes are the times of the half hours of a day, each in one word as in a Text.
// There is room for any index of six bits, which need not be checked.
var clockTimes = func() (times [64]uint64) {
	for i := range SlotsPerDay {
		clock := time.Unix(int64(i)*slotSeconds, 0).UTC().Format(time.TimeOnly)
		times[i] = binary.LittleEndian.Uint64([]byte(clock))
	}
	return times
}()
