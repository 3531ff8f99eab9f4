package ledger

import (
	"iter"

	"meterledger/internal/meter"
	"meterledger/internal/store"
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

// Page is a part of a series.
type Page struct {
	Next *meter.Slot // where the next page begins, or nil

	spans     []span
	registers registers
}

// span is where a bucket lies.
type span struct {
	meter.Window
	clipped bool
}

// Series returns a page of a meter's buckets. The series ends at the present.
func (l *Ledger) Series(id meter.ID, q SeriesQuery) (Page, error) {
	i, err := l.find(id)
	if err != nil {
		return Page{}, err
	}
	var page Page
	page.spans, page.Next = q.spans(l.zone, q.Window.Until(l.horizon(i)))
	if len(page.spans) == 0 {
		return page, nil
	}
	first, last := page.spans[0], page.spans[len(page.spans)-1]
	page.registers, err = l.registers(i, id, meter.Window{From: min(first.From, last.From), To: max(first.To, last.To)}, q.Estimate)
	return page, err
}

// horizon is the last slot of which there can be a reading: the present, or the
// meter's latest one where its clock is ahead.
func (l *Ledger) horizon(i store.Index) meter.Slot {
	return max(l.zone.Floor(l.now()), l.store.Latest(i).Slot)
}

// spans cuts a window at the boundaries of intervals, as many as fit on the page.
func (q SeriesQuery) spans(zone *meter.Zone, w meter.Window) (spans []span, next *meter.Slot) {
	switch {
	case q.At == nil:
	case q.Descending:
		w.To = min(w.To, *q.At)
	default:
		w.From = max(w.From, *q.At)
	}
	if w.From < w.To {
		spans = make([]span, 0, min(q.PageSize, int(w.To-w.From)))
	}
	for w.From < w.To {
		edge := w.From
		if q.Descending {
			edge = w.To
		}
		if len(spans) == q.PageSize {
			return spans, &edge
		}
		s := cut(w, q.Interval, zone, q.Descending)
		spans = append(spans, s)
		if q.Descending {
			w.To = s.From
		} else {
			w.From = s.To
		}
	}
	return spans, nil
}

// cut returns the first bucket of a window, or the last.
func cut(w meter.Window, interval Interval, zone *meter.Zone, last bool) span {
	slot := w.From
	if last {
		slot = w.To - 1
	}
	whole := interval.around(zone, slot)
	part := meter.Window{From: max(whole.From, w.From), To: min(whole.To, w.To)}
	return span{part, part != whole}
}

// Count returns how many buckets the page has.
func (p *Page) Count() int { return len(p.spans) }

// Buckets returns the page's buckets in the order that was asked for.
func (p *Page) Buckets() iter.Seq[Bucket] {
	return func(yield func(Bucket) bool) {
		for _, s := range p.spans {
			b := Bucket{Window: s.Window, Clipped: s.clipped}
			var from, to int
			b.Start, from = p.registers.at(s.From)
			b.End, to = p.registers.at(s.To)
			b.Complete = b.Start.Source == Received && b.End.Source == Received && to-from == int(s.To-s.From)
			if !yield(b) {
				return
			}
		}
	}
}
