package store

import (
	"maps"
	"slices"

	"meterledger/internal/meter"
)

// The model of corrections, as that of a meter's life, looks at all readings that were ever
// accepted and not withdrawn.

// arrive counts a reading.
func (m *model) arrive(slot meter.Slot) {
	m.count++
	m.came[slot] = m.count
	for _, month := range m.months {
		month.late = month.late || month.Window.Rows().Contains(slot)
	}
}

func (m *model) replaced(r Reading) bool {
	of := m.edits[r.Meter][r.Slot]
	if n := len(of); n > 0 && !of[n-1].IsWithdrawn && of[n-1].After == r.Register {
		return false // which was put back
	}
	return slices.ContainsFunc(of, func(p Past) bool { return p.Before == r.Register })
}

func (m *model) correct(c *Correction, restored bool) Verdict {
	if m.corrected(c, restored) {
		return Verdict{Outcome: Duplicate}
	}
	after := maps.Clone(m.known[c.Meter])
	changed := make(map[meter.Slot]bool)
	for _, e := range c.Edits {
		v := m.find(c.Meter, e)
		if v.Outcome != Accepted && (!restored || v.Outcome == Held || v.Outcome == Archived) {
			return v
		}
		if changed[e.Slot] = v.Outcome == Accepted; !changed[e.Slot] {
			continue
		}
		if delete(after, e.Slot); !e.IsWithdrawn {
			after[e.Slot] = e.After
		}
	}
	l := m.lifeOf(c.Meter)
	for _, s := range stretches(slices.Sorted(maps.Keys(m.known[c.Meter])), changed, after) {
		dials, fall := l.dials.Correct(s, l.limits)
		if fall != nil && changed[fall.To.Point().Slot] && !fall.To.OfChange && after[fall.To.Point().Slot] == fall.To.Register {
			return below(fall.From)
		} else if fall != nil {
			return above(fall.To)
		}
		l.dials = dials
	}
	if m.lives[c.Meter].dials != nil || l.dials != nil {
		m.lives[c.Meter] = l
	}
	done := *c
	for _, e := range c.Edits {
		for _, p := range m.edits[c.Meter][e.Slot] {
			if !restored && p.At.After(done.At) {
				done.At = p.At
			}
		}
	}
	for _, e := range c.Edits {
		m.edit(&done, e, changed[e.Slot], restored)
	}
	return Verdict{}
}

// stretches returns what readings become around those that are changed, from one that is not
// to the next.
func stretches(slots []meter.Slot, changed map[meter.Slot]bool, after map[meter.Slot]meter.Register) (all []meter.Stretch) {
	last := -1 // the place of the last that is not changed
	for place := 0; place <= len(slots); place++ {
		if place < len(slots) && changed[slots[place]] {
			continue
		}
		if place-last > 1 {
			s := meter.Stretch{Begins: last < 0, Ends: place == len(slots)}
			for _, slot := range slots[max(last, 0):min(place+1, len(slots))] {
				if register, left := after[slot]; left {
					s.Readings = append(s.Readings, meter.Point{Slot: slot, Register: register})
				}
			}
			all = append(all, s)
		}
		last = place
	}
	return all
}

// corrected reports whether a correction is recorded.
func (m *model) corrected(c *Correction, restored bool) bool {
	for _, e := range c.Edits {
		found := false
		past := m.edits[c.Meter][e.Slot]
		for n, p := range past {
			if restored {
				found = found || p == Past{e, c.Note}
			} else {
				found = n == len(past)-1 && p.Edit == e && p.By == c.By
			}
		}
		if !found {
			return false
		}
	}
	return true
}

// find looks for what an edit replaces, and for what forbids it.
func (m *model) find(i Index, e Edit) Verdict {
	if v := m.past(i, e.Slot, true); v.Outcome != Accepted {
		return v
	}
	recorded, ok := m.known[i][e.Slot]
	l, at := m.lifeOf(i), e.Slot.Instant()
	c, found := l.dials.Find(at)
	over := l.dials.RollsOverAt(at, l.limits)
	switch {
	case !ok:
		return Verdict{NoReading, meter.Point{Slot: e.Slot}}
	case recorded != e.Before:
		return Verdict{Conflict, meter.Point{Slot: e.Slot, Register: recorded}}
	case found && !c.IsEstimated:
		return Verdict{ExchangeConflict, meter.Point{Slot: e.Slot, Register: c.Old}}
	case over != meter.Register{} && e.After.Cmp(over) >= 0:
		return Verdict{AtModulus, meter.Point{Slot: e.Slot, Register: over}}
	}
	return Verdict{}
}

func (m *model) edit(c *Correction, e Edit, effective, restored bool) {
	if m.edits[c.Meter] == nil {
		m.edits[c.Meter] = make(map[meter.Slot][]Past)
	}
	past := m.edits[c.Meter][e.Slot]
	place := slices.IndexFunc(past, func(p Past) bool { return p.At.After(c.At) })
	if !restored || place < 0 {
		place = len(past)
	}
	m.edits[c.Meter][e.Slot] = slices.Insert(past, place, Past{e, c.Note})
	if !effective {
		return
	}
	m.arrive(e.Slot)
	for _, month := range m.months {
		month.late = month.late || month.Window.To == e.Slot
	}
	delete(m.known[c.Meter], e.Slot)
	if delete(m.memory[c.Meter], e.Slot); !e.IsWithdrawn {
		put(m.known, c.Meter, e.after())
		put(m.memory, c.Meter, e.after())
	}
}

// wantSamePast compares what was corrected, and looks for the months that must be closed again.
func (m *model) wantSamePast(t fataler, s *Store) {
	for i, of := range m.edits {
		var want []Past
		for _, slot := range slices.Sorted(maps.Keys(of)) {
			want = append(want, of[slot]...)
		}
		if got := s.History(i, meter.Window{To: slotMax}); !slices.Equal(got, want) {
			t.Fatalf("the history of meter %d is\n%v, want\n%v", i, got, want)
		}
	}
	for name, month := range m.months {
		if month.late && !slices.Contains(s.LateMonths(), name) {
			t.Fatalf("%s is not late", name)
		}
	}
	for i, all := range m.known {
		if len(all) > 0 && s.Latest(i).Slot != slices.Max(slices.Collect(maps.Keys(all))) {
			t.Fatalf("the latest reading of meter %d is of %d", i, s.Latest(i).Slot)
		}
	}
}
