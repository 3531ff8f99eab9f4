package ledger

import (
	"sync"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// registers are the readings of a window, and those around it where missing ones
// are to be estimated.
type registers struct {
	points        []meter.Point
	before, after *meter.Point // the nearest readings outside, or nil
	estimate      bool
	near          int // the place in points that was looked at last
}

// roomMax is for how many readings room is made before they are read: a long month.
const roomMax = 32 * meter.SlotsPerDay

// rooms is room that pages were made in, empty.
var rooms = sync.Pool{New: func() any {
	room := make([]meter.Point, 0, roomMax)
	return &room
}}

// registers reads what a page is made of.
func (l *Ledger) registers(m store.Meter, w meter.Window, estimate bool) (r registers, err error) {
	r.estimate = estimate
	if r.points, err = l.points(m, w, *rooms.Get().(*[]meter.Point)); err != nil || !estimate {
		return r, err
	}
	if len(r.points) == 0 || r.points[0].Slot > w.From {
		if r.before, err = l.before(m, w.From); err != nil {
			return r, err
		}
	}
	if len(r.points) == 0 || r.points[len(r.points)-1].Slot < w.To {
		r.after, err = l.after(m, w.To)
	}
	return r, err
}

// at looks up the register at a slot, and returns how many readings lie before it. It
// is fast where slots are asked for in their order, or in the reverse.
func (r *registers) at(slot meter.Slot, found *Boundary) int {
	for r.near < len(r.points) && r.points[r.near].Slot < slot {
		r.near++
	}
	for r.near > 0 && r.points[r.near-1].Slot >= slot {
		r.near--
	}
	switch {
	case r.near < len(r.points) && r.points[r.near].Slot == slot:
		found.Register, found.Source = r.points[r.near].Register, Received
	case r.estimate:
		*found = r.interpolate(slot)
	default:
		*found = Boundary{}
	}
	return r.near
}

// interpolate estimates the register at a slot that has no reading, where there
// are readings on both sides of it.
func (r *registers) interpolate(slot meter.Slot) Boundary {
	from, to := r.before, r.after
	if r.near > 0 {
		from = &r.points[r.near-1]
	}
	if r.near < len(r.points) {
		to = &r.points[r.near]
	}
	if from == nil || to == nil {
		return Boundary{}
	}
	return Boundary{meter.Interpolate(*from, *to, slot), Interpolated}
}
