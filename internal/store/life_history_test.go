package store

import (
	"maps"
	"slices"
	"time"

	"meterledger/internal/meter"
)

// live draws something of a meter's life: mostly what fits the registers around it.
func (h *historian) live() entry {
	i := h.meter() % 4
	switch pick(h, "exchange", "exchange", "exchange", "back", "limits", "rollover") {
	case "back":
		at := h.instant(i)
		return entry{AppendTakenBack(nil, i, at), func(m *model) []Verdict { return one(m.takeBack(i, at)) }}
	case "limits":
		over, _ := meter.RegisterFromParts(pick[int64](h, 0, 0, 1, 100_000, 999_999_999), 3)
		power, _ := meter.RegisterFromParts(pick[int64](h, 0, 1, 1_000_000), 0)
		limits := meter.Limits{RollsOverAt: over, MaxKW: meter.Power(power)}
		if h.between(0, 3) == 0 {
			return entry{AppendRestoredLimits(nil, i, limits), func(m *model) []Verdict { return one(m.limit(i, limits)) }}
		}
		return entry{AppendLimits(nil, i, limits), func(m *model) []Verdict { return one(m.limit(i, limits)) }}
	case "rollover":
		over, _ := meter.RegisterFromParts(1+h.Int64N(1_000_000), 3)
		c := meter.Change{At: h.instant(i), Kind: meter.Rollover, Old: over, EnteredAt: time.Unix(0, 0)}
		return entry{AppendRestoredRollover(nil, i, c), func(m *model) []Verdict { return one(m.rollOver(i, c)) }}
	}
	c := meter.Change{At: h.instant(i), Kind: pick(h, meter.Exchange, meter.Reset), Serial: pick(h, "", "S7"), EnteredAt: time.Unix(0, 0)}
	slot, _ := c.At.Slot()
	if c.Old = h.register(i, slot); h.between(0, 3) > 0 {
		c.New = c.Old
	}
	if h.between(0, 4) == 0 {
		c.Old, c.IsEstimated, c.Estimated = meter.Register{}, true, h.register(0, closedFrom)
	}
	if known, found := h.s.lifeOf(i).dials.Find(c.At); found && h.between(0, 1) == 0 {
		c = known
	}
	restored := h.between(0, 3) == 0
	b := AppendExchange(nil, i, c)
	if restored {
		b = AppendRestoredExchange(nil, i, c)
	}
	return entry{b, func(m *model) []Verdict { return one(m.exchange(i, c, restored)) }}
}

// instant draws one, often one of a change.
func (h *historian) instant(i Index) meter.Instant {
	if known := h.s.lifeOf(i).dials; len(known) > 0 && h.between(0, 2) == 0 {
		return known[h.between(0, len(known)-1)].At
	}
	slot := meter.Slot(closedFrom + 3*h.between(-1, historyMonths*monthSlots/3+3))
	return slot.Instant() + pick[meter.Instant](h, 0, 0, 1, 700, 1799)
}

// The model of a meter's life looks at all readings that were ever accepted.

func (m *model) lifeOf(i Index) life { return m.lives[i] }

func (m *model) near(i Index, slot meter.Slot) (near neighbours) {
	for _, at := range slices.Sorted(maps.Keys(m.known[i])) {
		p := &meter.Point{Slot: at, Register: m.known[i][at]}
		switch {
		case at < slot:
			near.before = p
		case at == slot:
			near.at = p
		case near.after == nil:
			near.after = p
		}
	}
	return near
}

// past judges whether what is stored at a slot can be understood anew.
func (m *model) past(i Index, slot meter.Slot, changed bool) Verdict {
	slots := []meter.Slot{slot}
	if changed {
		slots = append(slots, slot-1)
	}
	for _, slot := range slots {
		if m.hold != nil && m.hold.Window.Contains(slot) {
			return Verdict{Held, meter.Point{Slot: slots[0]}}
		}
	}
	for _, month := range slices.SortedFunc(maps.Keys(m.months), meter.Month.Compare) {
		w := m.months[month].Window
		if (w.Rows().Contains(slot) || changed && w.To == slot) && m.onlyInFile(i, w.From) {
			return Verdict{Archived, meter.Point{Slot: w.From}}
		}
	}
	return Verdict{}
}

// isNew reports whether a reading is the first of a dial whose last is recorded for its time.
func (m *model) isNew(r Reading) bool {
	c, found := m.lifeOf(r.Meter).dials.Find(r.Slot.Instant())
	return found && !c.IsEstimated && m.known[r.Meter][r.Slot] == c.Old && r.Register == c.New
}

// fit judges a reading of a time that is not taken.
func (m *model) fit(r Reading) (Verdict, meter.Dials) {
	l := m.lifeOf(r.Meter)
	if over := l.dials.RollsOverAt(r.Slot.Instant(), l.limits); over != (meter.Register{}) && r.Register.Cmp(over) >= 0 {
		return Verdict{AtModulus, meter.Point{Slot: r.Slot, Register: over}}, nil
	}
	near := m.near(r.Meter, r.Slot)
	dials, fall := l.dials.Take(meter.Point{Slot: r.Slot, Register: r.Register}, near.before, near.after, l.limits)
	switch {
	case fall == nil:
		return Verdict{}, dials
	case fall.From.At == r.Slot.Instant():
		return above(fall.To), nil
	}
	return below(fall.From), nil
}

func (m *model) follow(r Reading) {
	l := m.lifeOf(r.Meter)
	_, l.dials = m.fit(r)
	m.lives[r.Meter] = l
}

func (m *model) exchange(i Index, c meter.Change, restored bool) Verdict {
	l := m.lifeOf(i)
	slot, onGrid := c.At.Slot()
	shown := onGrid && !c.IsEstimated
	if known, found := l.dials.Find(c.At); found && known.Says(c) {
		return Verdict{Outcome: Duplicate}
	} else if found {
		return Verdict{ExchangeConflict, meter.Point{Slot: slot, Register: known.Old}}
	}
	if v := m.past(i, slot, shown); v.Outcome != Accepted {
		return v
	}
	if c.Modulus = l.dials.RollsOverAt(c.At, l.limits); c.Modulus != (meter.Register{}) && max(c.Old.Cmp(c.Modulus), c.New.Cmp(c.Modulus)) >= 0 {
		return Verdict{AtModulus, meter.Point{Slot: slot, Register: c.Modulus}}
	}
	near := m.near(i, slot)
	if c.IsEstimated && near.before == nil && near.at == nil && len(l.dials) == 0 && !restored {
		return Verdict{Outcome: NoReading}
	}
	c.Placed = meter.NotPlaced
	if shown {
		p := meter.Point{Slot: slot, Register: c.Old}
		switch {
		case near.at == nil && !restored:
			c.Placed = meter.PlacedAnew
		case near.at != nil && *near.at != p && near.at.Register == c.New:
			c.Placed = meter.PlacedOver
		case near.at != nil && *near.at != p:
			return Verdict{Conflict, *near.at}
		}
		near.at = &p
	}
	return m.refit(i, life{dials: l.dials.With(c), limits: l.limits}, near, c)
}

func (m *model) takeBack(i Index, at meter.Instant) Verdict {
	l := m.lifeOf(i)
	c, found := l.dials.Find(at)
	slot, _ := at.Slot()
	if !found {
		return Verdict{Outcome: NoChange}
	}
	if v := m.past(i, slot, c.Placed != meter.NotPlaced); v.Outcome != Accepted {
		return v
	}
	near := m.near(i, slot)
	if c.Placed == meter.PlacedAnew {
		near.at = nil
	} else if c.Placed == meter.PlacedOver {
		near.at = &meter.Point{Slot: slot, Register: c.New}
	}
	return m.refit(i, life{dials: l.dials.Without(at), limits: l.limits}, near, c)
}

func (m *model) refit(i Index, l life, near neighbours, c meter.Change) Verdict {
	dials, fall := l.dials.Refit(near.stretch(), l.limits)
	switch {
	case fall != nil && fall.To.At <= c.At:
		return below(fall.From)
	case fall != nil:
		return above(fall.To)
	}
	m.lives[i] = life{dials: dials, limits: l.limits}
	if slot, _ := c.At.Slot(); c.Placed != meter.NotPlaced {
		delete(m.known[i], slot)
		delete(m.memory[i], slot)
		if near.at != nil {
			put(m.known, i, *near.at)
			put(m.memory, i, *near.at)
		}
		m.count++
		m.came[slot] = m.count
	}
	return Verdict{}
}

func (m *model) limit(i Index, limits meter.Limits) Verdict {
	l := m.lifeOf(i)
	if l.limits == limits {
		return Verdict{Outcome: Duplicate}
	}
	if none := (meter.Register{}); limits.RollsOverAt != none && limits.RollsOverAt != l.limits.RollsOverAt {
		if most, shown := m.mostShown(i); shown && most.Register.Cmp(limits.RollsOverAt) >= 0 {
			return Verdict{AtModulus, most}
		}
	}
	m.lives[i] = life{dials: l.dials, limits: limits}
	return Verdict{}
}

func (m *model) mostShown(i Index) (most meter.Point, shown bool) {
	for slot, register := range m.known[i] {
		if slot >= most.Slot {
			most, shown = meter.Point{Slot: slot, Register: register}, true
		}
	}
	if d := m.lifeOf(i).dials; len(d) > 0 {
		last := d[len(d)-1]
		if slot, _ := last.At.Slot(); last.Kind == meter.Rollover {
			return meter.Point{Slot: slot, Register: last.Old}, true
		} else if most.Slot.Instant() <= last.At {
			return meter.Point{Slot: slot, Register: last.New}, true
		}
	}
	return most, shown
}

func (m *model) rollOver(i Index, c meter.Change) Verdict {
	l := m.lifeOf(i)
	slot, _ := c.At.Slot()
	for _, known := range l.dials {
		if known.Kind == meter.Rollover && known.At == c.At && known.Old == c.Old {
			return Verdict{Outcome: Duplicate}
		} else if known.Kind == meter.Rollover && known.At == c.At {
			return Verdict{ExchangeConflict, meter.Point{Slot: slot, Register: known.Old}}
		}
	}
	if v := m.past(i, slot, false); v.Outcome != Accepted {
		return v
	}
	if near := m.near(i, slot); (near.before != nil || near.at != nil) && near.after != nil {
		return Verdict{ExchangeConflict, *near.after}
	}
	m.lives[i] = life{dials: l.dials.With(c), limits: l.limits}
	return Verdict{}
}
