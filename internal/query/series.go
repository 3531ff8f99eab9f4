package query

import (
	"iter"

	"meterledger/internal/meter"
)

// SeriesQuery asks for a page of a series.
type SeriesQuery struct {
	Window     meter.Window
	Interval   Interval
	Descending bool
	Estimate   bool        // interpolate registers that are missing at the ends of buckets
	At         *meter.Slot // where the page begins: the Next of the page before, or nil
	PageSize   int
}

// Page is a part of a series: buckets that lie side by side.
type Page struct {
	Next *meter.Slot // where the next page begins, or nil

	edges       []meter.Slot // of the buckets, in the order that was asked for
	descending  bool
	first, last bool // whether the first and the last bucket are clipped
	registers   registers
}

// Series returns a page of a meter's buckets. The series ends at the present.
func (q *Reader) Series(id meter.ID, ask SeriesQuery) (Page, error) {
	m, err := q.find(id)
	if err != nil {
		return Page{}, err
	}
	page := ask.cut(q.zone, ask.Window.Until(q.horizon(m.Index)))
	if page.Count() == 0 {
		return page, nil
	}
	one, other := page.edges[0], page.edges[len(page.edges)-1]
	page.registers, err = q.registers(m, meter.Window{From: min(one, other), To: max(one, other)}, ask.Estimate)
	return page, err
}

// cut cuts a window at the boundaries of intervals, from where the page begins, as
// far as the page goes.
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

// Release gives back what the page took up. Its buckets are not to be looked at any
// more.
func (p *Page) Release() {
	if cap(p.registers.points) == bufferMax { // as it was made
		points := p.registers.points[:0]
		p.registers.points = nil
		buffers.Put(&points)
	}
}

// Count returns how many buckets the page has.
func (p *Page) Count() int { return max(len(p.edges), 1) - 1 }

// Contiguous returns the readings of a page of half hours in ascending order that are all
// received and none of them clipped. For any other page it returns nil.
func (p *Page) Contiguous() []meter.Point {
	n := p.Count()
	if n == 0 || p.descending || p.first || p.last || p.edges[n]-p.edges[0] != meter.Slot(n) || len(p.registers.points) != n+1 {
		return nil
	}
	return p.registers.points // which lie between the edges, so there is one at each
}

// Buckets returns the page's buckets in the order that was asked for. Each is valid
// until the next.
func (p *Page) Buckets() iter.Seq[*Bucket] {
	return func(yield func(*Bucket) bool) {
		if p.Count() == 0 {
			return
		}
		var b Bucket
		near, far := &b.Start, &b.End
		if p.descending {
			near, far = far, near
		}
		before := p.registers.at(p.edges[0], far)
		for i, slot := range p.edges[1:] {
			*near = *far
			after := p.registers.at(slot, far)
			b.Window = meter.Window{From: min(p.edges[i], slot), To: max(p.edges[i], slot)}
			b.Clipped = i == 0 && p.first || i == p.Count()-1 && p.last
			b.Complete = b.Start.Source == Received && b.End.Source == Received &&
				max(after-before, before-after) == int(b.Window.To-b.Window.From)
			if !yield(&b) {
				return
			}
			before = after
		}
	}
}
