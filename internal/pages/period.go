package pages

import (
	"net/url"

	"meterledger/internal/meter"
	"meterledger/internal/query"
)

// span is how long a period is.
type span string

// The spans of periods.
const (
	aDay   span = "day"
	aWeek  span = "week" // from Monday
	aMonth span = "month"
	aYear  span = "year"
)

// spans are all of them, the shortest first.
var spans = []span{aDay, aWeek, aMonth, aYear}

// period is a day, week, month or year of the calendar.
type period struct {
	by    span
	first meter.Day
}

// periodAround returns the period of a span in which a day lies.
func periodAround(by span, d meter.Day) period {
	switch by {
	case aWeek:
		d = d.Monday()
	case aMonth:
		d = d.CalendarMonth().FirstDay()
	case aYear:
		d = meter.Day{Year: d.Year, Month: 1, Day: 1}
	}
	return period{by, d}
}

// add returns the period n after p, or before it if n is negative.
func (p period) add(n int) period {
	switch p.by {
	case aDay:
		return period{p.by, p.first.AddDays(n)}
	case aWeek:
		return period{p.by, p.first.AddDays(7 * n)}
	case aMonth:
		return period{p.by, p.first.CalendarMonth().Add(n).FirstDay()}
	default:
		return period{p.by, p.first.CalendarMonth().Add(12 * n).FirstDay()}
	}
}

// beside returns the period before p, or after it if n is 1 and not -1. A day that the calendar of a zone
// leaves out is passed over: Samoa had no 30 December 2011.
func (p period) beside(n int, z *meter.Zone) period {
	other := p.add(n)
	if w := other.window(z); w.From == w.To {
		return other.add(n)
	}
	return other
}

// yearBefore returns the period a year before p. Of days and weeks it is 52 weeks before, so that
// the days of the week are the same.
func (p period) yearBefore() period {
	switch p.by {
	case aDay, aWeek:
		return period{p.by, p.first.AddDays(-52 * 7)}
	case aMonth:
		return p.add(-12)
	default:
		return p.add(-1)
	}
}

// window runs from the first register of p to the first of the period after.
func (p period) window(z *meter.Zone) meter.Window {
	return meter.Window{From: z.DayStart(p.first), To: z.DayStart(p.add(1).first)}
}

// interval is how long the parts are in which p is shown.
func (p period) interval() query.Interval {
	switch p.by {
	case aDay:
		return query.HalfHour
	case aYear:
		return query.Month
	default:
		return query.Day
	}
}

func (p period) String() string {
	switch p.by {
	case aDay:
		return dayName(p.first)
	case aWeek:
		return dateOf(p.first).Format("2 Jan") + " to " + dateOf(p.first.AddDays(6)).Format("2 Jan 2006")
	case aMonth:
		return monthName(p.first.CalendarMonth())
	default:
		return dateOf(p.first).Format("2006")
	}
}

// query are the parameters of p's page.
func (p period) query() url.Values { return url.Values{"by": {string(p.by)}, "at": {p.first.String()}} }
