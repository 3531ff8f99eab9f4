package ledger

import (
	"slices"

	"meterledger/internal/meter"
)

// Interval is the length of a series' buckets.
type Interval string

// The intervals of a series. All but the first follow the zone's clock.
const (
	HalfHour Interval = "30min"
	Hour     Interval = "hour"
	Day      Interval = "day"
	Week     Interval = "week"
	Month    Interval = "month"
)

// Bucket is one interval of a series, clipped to the window that was asked for.
// Its registers are those at its very ends; where one is missing, the consumption
// is not known, and nothing is guessed.
type Bucket struct {
	Window     meter.Window
	Start, End *meter.KWh // nil where the reading is missing
	Complete   bool       // every reading of the interval is there
}

// SeriesQuery asks for a page of a series.
type SeriesQuery struct {
	Window     meter.Window
	Interval   Interval
	Descending bool
	After      *meter.Slot // where the page begins: the Next of the page before, or nil
	PageSize   int
}

// Page is a part of a series.
type Page struct {
	Buckets []Bucket
	Next    *meter.Slot // start of the first bucket of the next page, or nil
}

// Series returns a page of a meter's buckets. The window ends at the present.
func (l *Ledger) Series(id meter.ID, q SeriesQuery) (Page, error) {
	i, err := l.find(id)
	if err != nil {
		return Page{}, err
	}
	windows := l.buckets(q.Window.Until(l.zone.Floor(l.now())), q.Interval)
	if q.Descending {
		slices.Reverse(windows)
	}
	if q.After != nil {
		start := slices.IndexFunc(windows, func(w meter.Window) bool { return w.From == *q.After })
		if start < 0 {
			return Page{}, meter.Invalid(meter.CodeInvalidParameter, "cursor", "does not belong to this series")
		}
		windows = windows[start:]
	}
	var page Page
	if len(windows) > q.PageSize {
		page.Next = &windows[q.PageSize].From
		windows = windows[:q.PageSize]
	}
	if len(windows) == 0 {
		return page, nil
	}
	first, last := windows[0], windows[len(windows)-1]
	points, err := l.points(i, id, meter.Window{From: min(first.From, last.From), To: max(first.To, last.To)})
	if err != nil {
		return Page{}, err
	}
	for _, w := range windows {
		page.Buckets = append(page.Buckets, bucket(w, points))
	}
	return page, nil
}

// buckets cuts a window at the interval's boundaries. Neighbours share a register.
func (l *Ledger) buckets(w meter.Window, interval Interval) []meter.Window {
	var windows []meter.Window
	for from := w.From; from < w.To; {
		to := min(l.boundaryAfter(from, interval), w.To)
		windows = append(windows, meter.Window{From: from, To: to})
		from = to
	}
	return windows
}

// boundaryAfter returns the first boundary of an interval after a slot.
func (l *Ledger) boundaryAfter(s meter.Slot, interval Interval) meter.Slot {
	switch interval {
	case HalfHour:
		return s + 1
	case Hour:
		if l.zone.Time(s+1).Minute() == 0 {
			return s + 1
		}
		return s + 2
	case Day:
		return l.zone.DayWindow(l.zone.DayOf(s)).To
	case Week:
		return l.zone.WeekWindow(l.zone.DayOf(s)).To
	case Month:
		return l.zone.MonthWindow(l.zone.MonthOf(s)).To
	default:
		panic("BUG: interval " + string(interval) + " is not known")
	}
}

func bucket(w meter.Window, points []meter.Point) Bucket {
	from, startsThere := slices.BinarySearchFunc(points, w.From, bySlot)
	to, endsThere := slices.BinarySearchFunc(points, w.To, bySlot)
	b := Bucket{Window: w}
	if startsThere {
		b.Start = &points[from].Register
	}
	if endsThere {
		b.End = &points[to].Register
	}
	b.Complete = startsThere && endsThere && to-from+1 == w.Points()
	return b
}
