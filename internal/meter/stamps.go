package meter

import "time"

// Stamps writes slots as Zone.Stamp does, and fast where they lie near each other:
// it remembers the day that it wrote last. It is for one goroutine.
type Stamps struct {
	zone  *Zone
	known bool     // a day is remembered
	first Slot     // of that day
	date  [11]byte // as 2026-11-23T
}

// NewStamps returns a writer of the zone's stamps.
func NewStamps(zone *Zone) *Stamps { return &Stamps{zone: zone} }

// Append adds the stamp of a slot to b.
func (s *Stamps) Append(b []byte, slot Slot) []byte {
	if !s.known || slot-s.first >= SlotsPerDay { // which wraps around for earlier ones
		if !s.remember(slot) {
			return append(b, s.zone.Stamp(slot)...)
		}
	}
	b = append(b, s.date[:]...)
	return append(b, clockTimes[slot-s.first][:]...)
}

// remember makes the day of a slot the remembered one. It reports false where the
// clock is changed nearby, so that the day may be longer or shorter than others or
// show a time twice.
func (s *Stamps) remember(slot Slot) bool {
	const far = 48 * time.Hour
	t := s.zone.Time(slot)
	start, end := t.ZoneBounds()
	hour, minute, _ := t.Clock()
	place := Slot(hour*2 + minute/30)
	s.first = slot - place
	s.known = (start.IsZero() || t.Sub(start) >= far) && (end.IsZero() || end.Sub(t) >= far) && minute%30 == 0
	t.AppendFormat(s.date[:0], time.DateOnly+"T")
	return s.known
}

// clockTimes are the times of the half hours of a day.
var clockTimes = func() (times [SlotsPerDay][len(time.TimeOnly)]byte) {
	for i := range times {
		time.Unix(int64(i)*slotSeconds, 0).UTC().AppendFormat(times[i][:0], time.TimeOnly)
	}
	return times
}()
