package store

import (
	"math/bits"

	"meterledger/internal/meter"
)

// Span is what a window holds of a meter's readings, those between the first and
// the last only counted.
type Span struct {
	Count       int
	First, Last meter.Point // where Count is not 0
}

// Span returns what there is in memory of a meter within a window, by bit operations
// alone. It reports false where a closed month's archive may hold more of it: then
// Read says which.
func (s *Store) Span(i Index, w meter.Window) (span Span, whole bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, m := range s.months {
		if m.holds(i, w) {
			return Span{}, false
		}
	}
	return s.grid.span(i, w), true
}

func (g *grid) span(i Index, w meter.Window) (span Span) {
	from, to := g.days(w)
	for day := from; day < to; day++ {
		c, b := g.find(i, day)
		if c == nil {
			continue
		}
		present := b.mask() & dayMask(day, w)
		if present == 0 {
			continue
		}
		point := func(place int) meter.Point {
			return meter.Point{Slot: slotOf(day, place), Register: c.get(b, place)}
		}
		if span.Count == 0 {
			span.First = point(bits.TrailingZeros64(present))
		}
		span.Last = point(bits.Len64(present) - 1)
		span.Count += bits.OnesCount64(present)
	}
	return span
}
