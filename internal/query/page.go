package query

import (
	"iter"
	"sync"

	"meterledger/internal/meter"
	"meterledger/internal/store"
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
// received, of one dial, and none of them clipped. For any other page it returns nil.
func (p *Page) Contiguous() []meter.Point {
	n := p.Count()
	if n == 0 || p.descending || p.first || p.last || p.edges[n]-p.edges[0] != meter.Slot(n) || len(p.registers.points) != n+1 {
		return nil
	}
	if d := p.registers.dials; d.Before(p.edges[0]) != d.Before(p.edges[n]) {
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
			b.Complete = b.Start.Source == Received && b.End.Source == Received &&
				max(after-before, before-after) == int(b.Window.To-b.Window.From)
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
	Start, End Boundary
	Clipped    bool // it is shorter than its interval: the window or the present cuts it
	Complete   bool // every reading of it was received, those at its ends too

	dials meter.Dials
}

// Changes returns the changes of dials between its two ends.
func (b *Bucket) Changes() meter.Dials { return b.dials[b.Start.changes:b.End.changes] }

// Energy is what was used in it, if it is known.
func (b *Bucket) Energy() meter.Energy {
	return b.dials.TotalOn(b.End.changes, b.End.Register).Sub(b.dials.TotalOn(b.Start.changes, b.Start.Register))
}

// Known reports whether the registers at both ends are known, so that there is a consumption.
func (b Bucket) Known() bool { return b.Start.Source != Missing && b.End.Source != Missing }

// Estimated reports whether a register of it was not received but interpolated.
func (b Bucket) Estimated() bool {
	return b.Start.Source == Interpolated || b.End.Source == Interpolated
}

// Boundary is the register at one end of a bucket.
type Boundary struct {
	Register meter.Register // of no meaning if it is missing
	Source   Source

	changes int // of dials before it
}

// Source says how a register is known.
type Source uint8

// Nothing is guessed unless the caller asks for it.
const (
	Missing      Source = iota // it is not
	Received                   // the meter sent it
	Interpolated               // it lies on the straight line between the readings around it
)

// pageRegisters are the readings of a window, and those around it if missing ones
// are to be estimated.
type pageRegisters struct {
	points        []meter.Point
	before, after *meter.Point // the nearest readings outside, or nil
	dials         meter.Dials
	estimate      bool
	near          int // the place in points that was looked at last
}

// bufferMax is how many readings a buffer has space for: a long month.
const bufferMax = 32 * meter.SlotsPerDay

// buffers are the empty buffers of pages that were released.
var buffers = sync.Pool{New: func() any {
	buffer := make([]meter.Point, 0, bufferMax)
	return &buffer
}}

// read reads the readings that a page needs.
func (r *pageRegisters) read(q *Reader, m store.Meter, w meter.Window, estimate bool) (err error) {
	*r = pageRegisters{estimate: estimate}
	if r.points, err = q.points(m, w, *buffers.Get().(*[]meter.Point)); err != nil || !estimate {
		return err
	}
	if len(r.points) == 0 || r.points[0].Slot > w.From {
		if r.before, err = q.before(m, w.From); err != nil {
			return err
		}
	}
	if len(r.points) == 0 || r.points[len(r.points)-1].Slot < w.To {
		r.after, err = q.after(m, w.To)
	}
	return err
}

// at looks up the register at a slot, and returns how many readings lie before it. It
// is fast if slots are asked for in their order, or in the reverse.
func (r *pageRegisters) at(slot meter.Slot, found *Boundary) int {
	for r.near < len(r.points) && r.points[r.near].Slot < slot {
		r.near++
	}
	for r.near > 0 && r.points[r.near-1].Slot >= slot {
		r.near--
	}
	switch {
	case r.near < len(r.points) && r.points[r.near].Slot == slot:
		found.Register, found.Source, found.changes = r.points[r.near].Register, Received, r.dials.Before(slot)
	case r.estimate:
		*found = r.interpolate(slot)
	default:
		*found = Boundary{changes: r.dials.Before(slot)}
	}
	return r.near
}

// interpolate estimates the register at a slot that has no reading from the readings on
// both sides of it. If there are none on one side, the register is missing.
func (r *pageRegisters) interpolate(slot meter.Slot) Boundary {
	from, to := r.before, r.after
	if r.near > 0 {
		from = &r.points[r.near-1]
	}
	if r.near < len(r.points) {
		to = &r.points[r.near]
	}
	if from == nil || to == nil {
		return Boundary{changes: r.dials.Before(slot)}
	}
	register, changes := r.dials.Interpolate(*from, *to, slot)
	return Boundary{register, Interpolated, changes}
}
