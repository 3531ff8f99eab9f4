package query

import (
	"meterledger/internal/meter"
	"meterledger/internal/vee"
)

// SeriesQuery asks for a page of a series.
type SeriesQuery struct {
	Window     meter.Window
	Interval   Interval
	Descending bool
	Estimate   vee.Mode    // what is done about registers that are missing at the ends of buckets
	At         *meter.Slot // the first edge of the page: the Next of the page before, or nil
	PageSize   int
}

// Series returns a page of a meter's buckets. The series ends at the present.
func (q *Reader) Series(id meter.ID, ask SeriesQuery) (Page, error) {
	m, window, err := q.findWithin(id, ask.Window)
	if err != nil {
		return Page{}, err
	}
	page := ask.cut(q.zone, q.reach(m, window))
	if page.Count() == 0 {
		return page, nil
	}
	one, other := page.edges[0], page.edges[len(page.edges)-1]
	page.registers, err = q.registers(m, meter.Window{From: min(one, other), To: max(one, other)}, ask.Estimate)
	return page, err
}

// cut cuts a window at the boundaries of intervals, from the page's first edge until the
// page is full.
func (q SeriesQuery) cut(zone *meter.Zone, w meter.Window) Page {
	page := Page{descending: q.Descending}
	at, end := w.From, w.To
	if q.Descending {
		at, end = end, at
	}
	if q.At != nil {
		at = *q.At
	}
	if !w.Contains(at) || at == end || w.To < w.From {
		return page
	}
	page.edges = append(make([]meter.Slot, 0, 1+min(q.PageSize, w.Points())), at)
	if q.Interval == HalfHour {
		at = page.halfHours(at, end, q.PageSize)
	}
	for at != end && page.Count() < q.PageSize {
		whole := q.around(zone, at)
		next := min(whole.To, w.To)
		clipped := whole != meter.Window{From: at, To: next}
		if q.Descending {
			next = max(whole.From, w.From)
			clipped = whole != meter.Window{From: next, To: at}
		}
		if page.Count() == 0 {
			page.first = clipped
		}
		at, page.last = next, clipped
		page.edges = append(page.edges, at)
	}
	if at != end {
		page.Next = &at
	}
	return page
}

// halfHours cuts a window as cut does, without asking the calendar.
func (p *Page) halfHours(at, end meter.Slot, size int) meter.Slot {
	step, n := meter.Slot(1), end-at
	if p.descending {
		step, n = ^meter.Slot(0), at-end // one back
	}
	edges := p.edges
	for range min(int(n), size) {
		at += step
		edges = append(edges, at)
	}
	p.edges = edges
	return at
}

// around returns the interval that goes on from an edge.
func (q SeriesQuery) around(zone *meter.Zone, edge meter.Slot) meter.Window {
	if q.Descending {
		edge--
	}
	return q.Interval.around(zone, edge)
}

// Interval is the length of a series' buckets.
type Interval string

// The intervals of a series. All but the first follow the zone's clock.
const (
	HalfHour Interval = "30min"
	Hour     Interval = "hour"
	Day      Interval = "day"
	Week     Interval = "week" // from Monday, as ISO 8601 has it
	Month    Interval = "month"
)

// around returns the interval that begins at a slot or in which it lies. Its end
// is the beginning of the next one.
func (i Interval) around(zone *meter.Zone, s meter.Slot) meter.Window {
	switch i {
	case HalfHour:
		return meter.Window{From: s, To: s + 1}
	case Hour:
		return hourAround(zone, s)
	case Day:
		return zone.DayWindow(zone.DayOf(s))
	case Week:
		return zone.WeekWindow(zone.DayOf(s))
	case Month:
		return zone.MonthWindow(zone.MonthOf(s))
	default:
		panic("BUG: interval " + string(i) + " is not known")
	}
}

// hourAround also works if a clock is changed by half an hour: an hour may then have
// one half hour, never three.
func hourAround(zone *meter.Zone, s meter.Slot) meter.Window {
	onTheHour := func(s meter.Slot) bool { return zone.Time(s).Minute() == 0 }
	if !onTheHour(s) && onTheHour(s-1) {
		s--
	}
	if onTheHour(s) && !onTheHour(s+1) {
		return meter.Window{From: s, To: s + 2}
	}
	return meter.Window{From: s, To: s + 1}
}
