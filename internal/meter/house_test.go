package meter_test

import (
	"slices"

	"meterledger/internal/meter"
)

// house is one meter as a ledger keeps it: what the meter's dials are told of, and what they say.
type house struct {
	dials  meter.Dials
	limits meter.Limits
	points []meter.Point // in order of time
}

// around returns the neighbours of a slot, and whether a reading stands there.
func (h *house) around(slot meter.Slot) (before, at, after *meter.Point) {
	i, found := slices.BinarySearchFunc(h.points, slot, meter.BySlot)
	if i > 0 {
		before = &h.points[i-1]
	}
	if found {
		at = &h.points[i]
		i++
	}
	if i < len(h.points) {
		after = &h.points[i]
	}
	return before, at, after
}

// take sends a reading. If it does not fit, it says between which two registers.
func (h *house) take(p meter.Point) (fall *meter.Fall, taken bool) {
	before, at, after := h.around(p.Slot)
	if at != nil {
		c, exchanged := h.dials.Find(p.Slot.Instant())
		return nil, at.Register == p.Register || exchanged && c.New == p.Register
	}
	dials, fall := h.dials.Take(p, before, after, h.limits)
	if fall != nil {
		return fall, false
	}
	h.dials = dials
	h.put(p)
	return nil, true
}

func (h *house) put(p meter.Point) {
	i, found := slices.BinarySearchFunc(h.points, p.Slot, meter.BySlot)
	if found {
		h.points[i] = p
		return
	}
	h.points = slices.Insert(slices.Clone(h.points), i, p)
}

// exchange enters an exchange, if the registers rise with it.
func (h *house) exchange(c meter.Change) *meter.Fall {
	c.Modulus = h.limits.RollsOverAt
	slot, onGrid := c.At.Slot()
	before, at, after := h.around(slot)
	var s meter.Stretch
	switch {
	case onGrid && c.IsEstimated || !onGrid && at != nil:
		s = stretch(before, at, after)
	case onGrid:
		s = stretch(before, &meter.Point{Slot: slot, Register: c.Old}, after)
	default:
		s = stretch(before, nil, after)
	}
	dials, fall := h.dials.With(c).Refit(s, h.limits)
	if fall != nil {
		return fall
	}
	h.dials = dials
	if onGrid && !c.IsEstimated {
		h.put(meter.Point{Slot: slot, Register: c.Old})
	}
	return nil
}

func stretch(before, at, after *meter.Point) meter.Stretch {
	s := meter.Stretch{Begins: before == nil, Ends: after == nil}
	for _, p := range [...]*meter.Point{before, at, after} {
		if p != nil {
			s.Readings = append(s.Readings, *p)
		}
	}
	return s
}

// takeBack takes an exchange back, if the registers rise without it.
func (h *house) takeBack(instant meter.Instant) *meter.Fall {
	slot, _ := instant.Slot()
	before, at, after := h.around(slot)
	dials, fall := h.dials.Without(instant).Refit(stretch(before, at, after), h.limits)
	if fall == nil {
		h.dials = dials
	}
	return fall
}

// used returns the energy between two slots.
func (h *house) used(from, to meter.Slot) meter.Energy {
	_, a, _ := h.around(from)
	_, b, _ := h.around(to)
	return h.dials.Used(*a, *b)
}
