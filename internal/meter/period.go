package meter

import (
	"cmp"
	"fmt"
	"time"
)

// Period is a day or a month: what is archived as one file. It can be compared with
// ==, and its zero value is no period.
type Period struct {
	month Month
	day   int // 0 if it is the whole month
}

// Period returns d as a period.
func (d Day) Period() Period { return Period{d.CalendarMonth(), d.Day} }

// Period returns m as a period.
func (m Month) Period() Period { return Period{month: m} }

// ParsePeriod reads YYYY-MM-DD or YYYY-MM.
func ParsePeriod(s string) (Period, bool) {
	if month, ok := ParseMonth(s); ok {
		return month.Period(), true
	}
	day, ok := ParseDay(s)
	if !ok {
		return Period{}, false
	}
	return day.Period(), true
}

// IsMonth reports whether p is a whole month.
func (p Period) IsMonth() bool { return p.day == 0 && p != Period{} }

// CalendarMonth returns the month that p is or lies in.
func (p Period) CalendarMonth() Month { return p.month }

// FirstDay returns the day that p is, or the first of the month.
func (p Period) FirstDay() Day { return Day{p.month.Year, p.month.Month, max(p.day, 1)} }

// Add returns the period of the same kind n after p, or before it if n is negative.
func (p Period) Add(n int) Period {
	if p.IsMonth() {
		return p.month.Add(n).Period()
	}
	return p.FirstDay().AddDays(n).Period()
}

// Compare orders periods of one kind by time: negative if p is earlier than other.
func (p Period) Compare(other Period) int {
	if months := p.month.Compare(other.month); months != 0 {
		return months
	}
	return p.day - other.day
}

// Window runs from the first register of p to the first of the period after.
func (p Period) Window(z *Zone) Window {
	if p.IsMonth() {
		return z.MonthWindow(p.month)
	}
	return z.DayWindow(p.FirstDay())
}

func (p Period) String() string {
	switch {
	case p == Period{}:
		return ""
	case p.IsMonth():
		return p.month.String()
	default:
		return p.FirstDay().String()
	}
}

// MarshalText writes p as String does.
func (p Period) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what ParsePeriod reads.
func (p *Period) UnmarshalText(text []byte) error {
	var ok bool
	if *p, ok = ParsePeriod(string(text)); !ok {
		return Invalid(CodeInvalidParameter, "period", "must be a day such as 2026-11-23 or a month such as 2026-11")
	}
	return nil
}

// Day is a calendar day, in no particular zone.
type Day struct {
	Year  int
	Month time.Month
	Day   int
}

// ParseDay reads YYYY-MM-DD.
func ParseDay(s string) (Day, bool) {
	if len(s) != len(time.DateOnly) { // an error of time.Parse costs allocations
		return Day{}, false
	}
	t, err := time.Parse(time.DateOnly, s)
	return dayOf(t), err == nil
}

func dayOf(t time.Time) Day {
	year, month, day := t.Date()
	return Day{year, month, day}
}

// AddDays returns the day n days after d, or before it if n is negative.
func (d Day) AddDays(n int) Day { return dayOf(d.utc().AddDate(0, 0, n)) }

// Before reports whether d is an earlier day than other.
func (d Day) Before(other Day) bool { return d.Compare(other) < 0 }

// Compare orders days by time: negative if d is earlier than other.
func (d Day) Compare(other Day) int {
	return cmp.Or(d.CalendarMonth().Compare(other.CalendarMonth()), d.Day-other.Day)
}

// CalendarMonth returns the month that d lies in.
func (d Day) CalendarMonth() Month { return Month{d.Year, d.Month} }

// Monday returns the first day of d's week.
func (d Day) Monday() Day { return d.AddDays(-(int(d.utc().Weekday()) + 6) % 7) }

func (d Day) utc() time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC) }

func (d Day) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day) }

// Month is a calendar month, in no particular zone.
type Month struct {
	Year  int
	Month time.Month
}

// ParseMonth reads YYYY-MM.
func ParseMonth(s string) (Month, bool) {
	t, err := time.Parse("2006-01", s)
	if err != nil || len(s) != len("2006-01") {
		return Month{}, false
	}
	return Month{t.Year(), t.Month()}, true
}

// FirstDay returns the first day of m.
func (m Month) FirstDay() Day { return Day{m.Year, m.Month, 1} }

// Add returns the month n months after m, or before it if n is negative.
func (m Month) Add(n int) Month {
	t := time.Date(m.Year, m.Month+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
	return Month{t.Year(), t.Month()}
}

// Before reports whether m is an earlier month than other.
func (m Month) Before(other Month) bool { return m.Compare(other) < 0 }

// Compare orders months by time: negative if m is earlier than other.
func (m Month) Compare(other Month) int {
	return (m.Year-other.Year)*12 + int(m.Month) - int(other.Month)
}

func (m Month) String() string { return fmt.Sprintf("%04d-%02d", m.Year, int(m.Month)) }
