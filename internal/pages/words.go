package pages

import (
	"strconv"
	"time"

	"meterledger/internal/meter"
)

// moment is a point in time for a page.
type moment struct {
	Stamp string // for programs
	Text  string // for people
}

// moment returns a slot with its day and clock.
func (s *site) moment(slot meter.Slot) moment {
	return moment{s.zone.Stamp(slot), dayName(s.zone.DayOf(slot)) + " " + s.clock(slot)}
}

// instant is moment for a time that may lie off the grid.
func (s *site) instant(t time.Time) moment {
	return moment{s.zone.StampTime(t), dayName(s.zone.Today(t)) + " " + t.In(s.zone.Location()).Format("15:04")}
}

// atClock is moment with the clock alone.
func (s *site) atClock(slot meter.Slot) moment { return moment{s.zone.Stamp(slot), s.clock(slot)} }

// momentOf returns a local time as the api writes it, such as 2026-11-23T14:30:00; if a clock shows
// that time twice, the offset follows.
func momentOf(stamp string) moment {
	const layout = "2006-01-02T15:04:05"
	text, offset := stamp, ""
	if len(stamp) > len(layout) {
		text, offset = stamp[:len(layout)], " ("+stamp[len(layout):]+")"
	}
	t, err := time.Parse(layout, text)
	if err != nil {
		return moment{stamp, stamp}
	}
	words := "Mon 2 Jan 2006 15:04"
	if t.Second() != 0 {
		words += ":05"
	}
	return moment{stamp, t.Format(words) + offset}
}

// momentIf returns a time of an answer, or nil if there is none.
func momentIf(stamp *string) *moment {
	if stamp == nil {
		return nil
	}
	return new(momentOf(*stamp))
}

// clock returns what the clock shows at a slot, such as 14:30. If it shows that twice in a day, the
// offset follows.
func (s *site) clock(slot meter.Slot) string {
	const day, clock = len("2006-01-02T"), len("2006-01-02T15:04")
	stamp := s.zone.Stamp(slot)
	if offset := stamp[clock+len(":05"):]; offset != "" {
		return stamp[day:clock] + " (" + offset + ")"
	}
	return stamp[day:clock]
}

// dayName returns a day such as Thu 26 Nov 2026.
func dayName(d meter.Day) string { return dateOf(d).Format("Mon 2 Jan 2006") }

// monthName returns a month such as November 2026.
func monthName(m meter.Month) string { return dateOf(m.FirstDay()).Format("January 2006") }

func dateOf(d meter.Day) time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC) }

// ago says how long something is past, such as 35 minutes ago.
func ago(d time.Duration) string {
	if d < time.Minute {
		return "just now"
	}
	return lasting(d) + " ago"
}

// lasting says how long something lasts, in the largest unit of which there are two.
func lasting(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= 2*day:
		return count(int(d/day), "day")
	case d >= 2*time.Hour:
		return count(int(d/time.Hour), "hour")
	default:
		return count(int(d/time.Minute), "minute")
	}
}

// count says how many there are of something that is named in the singular, such as 1,440 readings.
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return grouped(n) + " " + noun
}

// are says how many are or is something.
func are(n int) string {
	if n == 1 {
		return "1 is"
	}
	return grouped(n) + " are"
}

// grouped writes a number with commas between the thousands.
func grouped(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
