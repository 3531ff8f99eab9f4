package query

import (
	"sync"

	"meterledger/internal/meter"
	"meterledger/internal/store"
	"meterledger/internal/vee"
)

// pageRegisters are the readings of a window, and those around it if missing ones
// are to be estimated.
type pageRegisters struct {
	points        []meter.Point
	before, after *meter.Point // the nearest readings outside, or nil
	dials         meter.Dials
	edits         edits
	estimator     *vee.Estimator // nil if nothing is to be estimated
	isPlain       bool           // there are neither dials nor edits, as for nearly all meters
	near          int            // the place in points that was looked at last
}

// bufferMax is how many readings a buffer has space for: a long month.
const bufferMax = 32 * meter.SlotsPerDay

// buffers are the empty buffers of pages that were released.
var buffers = sync.Pool{New: func() any {
	buffer := make([]meter.Point, 0, bufferMax)
	return &buffer
}}

func (r *pageRegisters) release() {
	if cap(r.points) == bufferMax { // as it was made
		points := r.points[:0]
		r.points = nil
		buffers.Put(&points)
	}
}

// registers reads the readings that a window needs.
func (q *Reader) registers(m store.Meter, w meter.Window, mode vee.Mode) (r pageRegisters, err error) {
	r.dials, err = q.steadily(m, func() (err error) {
		r, err = q.registersOnce(m, w, mode)
		return err
	})
	r.isPlain = len(r.dials) == 0 && len(r.edits) == 0
	if r.estimator != nil {
		r.estimator.Dials = r.dials
	}
	return r, err
}

func (q *Reader) registersOnce(m store.Meter, w meter.Window, mode vee.Mode) (r pageRegisters, err error) {
	r.points, err = q.points(m, w, *buffers.Get().(*[]meter.Point))
	r.edits = q.edits(m.Index, w)
	if err != nil || mode == vee.None {
		return r, err
	}
	if len(r.points) == 0 || r.points[0].Slot > w.From {
		if r.before, err = q.before(m, w.From); err != nil {
			return r, err
		}
	}
	if len(r.points) == 0 || r.points[len(r.points)-1].Slot < w.To {
		if r.after, err = q.after(m, w.To); err != nil {
			return r, err
		}
	}
	r.estimator = &vee.Estimator{Mode: mode, Zone: q.zone}
	if r.needHistory(w, mode) {
		r.estimator.History, err = q.history(m, w, &r)
	}
	return r, err
}

// needHistory reports whether a part of the window may follow the shape of like days.
func (r *pageRegisters) needHistory(w meter.Window, mode vee.Mode) bool {
	if mode != vee.Auto || len(r.points) == 0 && r.before == nil {
		return false
	}
	last := w.From // or, before that, a reading
	if r.before != nil {
		last = r.before.Slot
	}
	for _, p := range r.points {
		if vee.IsLong(last, p.Slot) {
			return true
		}
		last = p.Slot
	}
	return last < w.To && (r.after == nil || vee.IsLong(last, r.after.Slot))
}

// history returns a meter's readings from the 4 weeks before the first stretch of a window until
// the window's end. If nothing comes after the window, they begin with a reading that lies a
// day before the last one, if there is any so old.
func (q *Reader) history(m store.Meter, w meter.Window, r *pageRegisters) ([]meter.Point, error) {
	start := w.From
	if r.before != nil {
		start = r.before.Slot
	}
	back := q.zone.DayStart(q.zone.DayOf(start).AddDays(-vee.HistoryDays))
	points, err := q.points(m, meter.Window{From: back, To: w.From - 1}, nil)
	if err != nil {
		return nil, err
	}
	points = append(points, r.points...)
	if r.after == nil && (len(points) == 0 || points[len(points)-1].Slot-points[0].Slot < meter.SlotsPerDay) {
		older, err := q.before(m, back)
		if err != nil || older == nil {
			return points, err
		}
		points = append([]meter.Point{*older}, points...)
	}
	return points, nil
}

// areAsSent reports whether all readings were sent as they are, from one dial.
func (r *pageRegisters) areAsSent() bool {
	return len(r.edits) == 0 && r.dials.Before(r.points[0].Slot) == r.dials.Before(r.points[len(r.points)-1].Slot)
}

// at looks up the register at a slot, and returns how many readings lie before it. It
// is fast if slots are asked for in their order, or in the reverse.
func (r *pageRegisters) at(slot meter.Slot, found *vee.Known) int {
	for r.near < len(r.points) && r.points[r.near].Slot < slot {
		r.near++
	}
	for r.near > 0 && r.points[r.near-1].Slot >= slot {
		r.near--
	}
	switch {
	case r.near < len(r.points) && r.points[r.near].Slot == slot:
		if found.Point, found.Changes, found.Source = r.points[r.near], 0, vee.Received; !r.isPlain {
			*found = r.edits.read(r.points[r.near], r.dials)
		}
	case r.estimator != nil:
		before, after := r.around()
		*found = r.estimator.At(slot, before, after)
	default:
		*found = vee.Unknown(slot, r.dials)
	}
	return r.near
}

// around returns the readings around a slot that has none.
func (r *pageRegisters) around() (before, after *meter.Point) {
	before, after = r.before, r.after
	if r.near > 0 {
		before = &r.points[r.near-1]
	}
	if r.near < len(r.points) {
		after = &r.points[r.near]
	}
	return before, after
}
