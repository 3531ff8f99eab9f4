package meter

import (
	"fmt"
	"time"
)

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

// Add returns the month n months after m, or before it where n is negative.
func (m Month) Add(n int) Month {
	t := time.Date(m.Year, m.Month+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
	return Month{t.Year(), t.Month()}
}

// Before reports whether m is an earlier month than other.
func (m Month) Before(other Month) bool { return m.Compare(other) < 0 }

// Compare orders months by time: negative where m is earlier than other.
func (m Month) Compare(other Month) int {
	return (m.Year-other.Year)*12 + int(m.Month) - int(other.Month)
}

func (m Month) String() string { return fmt.Sprintf("%04d-%02d", m.Year, int(m.Month)) }
