package kill

import (
	"fmt"
	"time"

	"meterledger/internal/tools/witness"
)

const (
	timezone    = "Asia/Singapore"
	stampLayout = "2006-01-02T15:04:05"
	halfHour    = 30 * time.Minute
	monthsPast  = 3
)

// calendar is the time that the homes report: the half hours from the first of the
// third month before this one until now.
type calendar struct {
	stamps []string // in order
	months []string // YYYY-MM, those that have ended, in order
	days   []string // YYYY-MM-DD, those that the operator archives by themselves
	open   string   // the first stamp of this month
}

func newCalendar(now time.Time) (*calendar, error) {
	zone, err := time.LoadLocation(timezone)
	if err != nil {
		return nil, fmt.Errorf("loading the time zone: %w", err)
	}
	now = now.In(zone)
	first := func(month time.Month) time.Time { return time.Date(now.Year(), month, 1, 0, 0, 0, 0, zone) }
	c := &calendar{open: first(now.Month()).Format(stampLayout)}
	for month := now.Month() - monthsPast; month < now.Month(); month++ {
		c.months = append(c.months, first(month).Format("2006-01"))
		c.days = append(c.days, first(month).AddDate(0, 0, 9).Format(time.DateOnly))
	}
	c.days = append(c.days, now.AddDate(0, 0, -1).Format(time.DateOnly), now.Format(time.DateOnly))
	for at := first(now.Month() - monthsPast); !at.After(now); at = at.Add(halfHour) {
		c.stamps = append(c.stamps, at.Format(stampLayout))
	}
	return c, nil
}

// span is all of the time, or from one stamp on.
func (c *calendar) span() witness.Span {
	return witness.Span{From: c.stamps[0], To: c.stamps[len(c.stamps)-1]}
}

// dayOf returns the half hours of a day's archive.
func dayOf(day string) witness.Span {
	return witness.Span{From: day + "T00:00:00", To: day + "T23:30:00"}
}

// monthOf returns the half hours of a month's archive. No month has a 32nd.
func monthOf(month string) witness.Span {
	return witness.Span{From: month + "-01T00:00:00", To: month + "-32"}
}
