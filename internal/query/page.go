package query

import (
	"iter"

	"meterledger/internal/meter"
	"meterledger/internal/vee"
)

// Page is a part of a series: adjacent buckets.
type Page struct {
	Next *meter.Slot // the first edge of the next page, or nil

	edges       []meter.Slot // of the buckets, in the order that was asked for
	descending  bool
	first, last bool // the first, the last bucket is clipped
	registers   pageRegisters
}

// Release gives the page's buffer back. Its buckets must not be used any more.
func (p *Page) Release() { p.registers.release() }

// Count returns how many buckets the page has.
func (p *Page) Count() int { return max(len(p.edges), 1) - 1 }

// Contiguous returns the readings of a page of half hours in ascending order that are all
// received and none of them clipped, from one dial. For any other page it returns nil.
func (p *Page) Contiguous() []meter.Point {
	n := p.Count()
	if n == 0 || p.descending || p.first || p.last || p.edges[n]-p.edges[0] != meter.Slot(n) || len(p.registers.points) != n+1 || !p.registers.areAsSent() {
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
		b := Bucket{dials: p.registers.dials}
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
			b.Complete = b.isReceived() && max(after-before, before-after) == int(b.Window.To-b.Window.From)
			b.Source = vee.Between(&b.Start, &b.End, b.dials)
			if !yield(&b) {
				return
			}
			before = after
		}
	}
}

// Bucket is one interval of a series, clipped to the window that was asked for.
// What was used in it is the difference of the totals at its two ends, never a
// sum; neighbours share a register, so buckets add up by construction.
type Bucket struct {
	Window     meter.Window
	Start, End vee.Known
	Source     vee.Source // of what was used in it; vee.Missing if a register is missing
	Clipped    bool       // it is shorter than its interval: the window or the present cuts it
	Complete   bool       // every reading of it is there, those at its ends too

	dials meter.Dials
}

// Changes returns the changes of dials between its two ends.
func (b *Bucket) Changes() meter.Dials { return b.dials[b.Start.Changes:b.End.Changes] }

// Energy is what was used in it, if it is known.
func (b *Bucket) Energy() meter.Energy {
	return b.dials.TotalOn(b.End.Changes, b.End.Register).Sub(b.dials.TotalOn(b.Start.Changes, b.Start.Register))
}

func (b *Bucket) isReceived() bool {
	return b.Start.Source.IsRead() && b.End.Source.IsRead()
}

// Known reports whether the registers at both ends are known, so that there is a consumption.
func (b *Bucket) Known() bool { return b.Source != vee.Missing }

// Estimated reports whether a register of it was estimated.
func (b *Bucket) Estimated() bool { return b.Start.Source.IsEstimated() || b.End.Source.IsEstimated() }
