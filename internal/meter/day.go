package meter

import (
	"fmt"
	"time"
)

// Day is a calendar day, in no particular zone.
type Day struct {
	Year  int
	Month time.Month
	Day   int
}

// ParseDay reads YYYY-MM-DD.
func ParseDay(s string) (Day, bool) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || len(s) != len(time.DateOnly) {
		return Day{}, false
	}
	return dayOf(t), true
}

func dayOf(t time.Time) Day {
	year, month, day := t.Date()
	return Day{year, month, day}
}

// AddDays returns the day n days after d, or before it where n is negative.
func (d Day) AddDays(n int) Day { return dayOf(d.utc().AddDate(0, 0, n)) }

// Before reports whether d is an earlier day than other.
func (d Day) Before(other Day) bool { return d.Compare(other) < 0 }

// Compare orders days by time: negative where d is earlier than other.
func (d Day) Compare(other Day) int { return d.utc().Compare(other.utc()) }

// CalendarMonth returns the month that d lies in.
func (d Day) CalendarMonth() Month { return Month{d.Year, d.Month} }

// Monday returns the first day of d's week.
func (d Day) Monday() Day { return d.AddDays(-(int(d.utc().Weekday()) + 6) % 7) }

func (d Day) utc() time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC) }

func (d Day) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day) }
