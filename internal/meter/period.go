package meter

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
