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
		switch h.between(0, 5) {
		case 0:
			keeps := h.s.level >= LevelFields
			return entry{AppendRestoredLimits(nil, i, limits), func(m *model) []Verdict { return one(m.putLimitsBack(i, limits, keeps)) }}
		case 1, 2, 3:
			some := pick(h, meter.SomeLimits{RollsOverAt: &limits.RollsOverAt}, meter.SomeLimits{MaxKW: &limits.MaxKW}, meter.SomeLimits{RollsOverAt: &limits.RollsOverAt, MaxKW: &limits.MaxKW})
			return entry{AppendSomeLimits(nil, i, some), func(m *model) []Verdict { return one(m.limit(i, some.Over(m.lifeOf(i).limits))) }}
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
	restored, replaces := h.between(0, 3) == 0, h.between(0, 2) == 0
	b := AppendExchange(nil, i, c, replaces)
	if restored {
		b, replaces = AppendRestoredExchange(nil, i, c), false
	}
	return entry{b, func(m *model) []Verdict { return one(m.exchange(i, c, replaces, restored)) }}
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
	recorded, taken := m.known[r.Meter][r.Slot]
	return found && !c.IsEstimated && (taken && recorded == c.Old || !taken && c.Old != c.New) && r.Register == c.New
}

// fit judges a reading of a time that is not taken.
func (m *model) fit(r Reading, restored bool) (Verdict, meter.Dials) {
	l := m.lifeOf(r.Meter)
	near, p := m.near(r.Meter, r.Slot), meter.Point{Slot: r.Slot, Register: r.Register}
	if (l.limits != meter.Limits{} || l.dials != nil) && restored && l.dials.Holds(p, near.before, near.after) {
		return Verdict{}, l.dials
	}
	if over := l.dials.RollsOverAt(r.Slot.Instant(), l.limits); over != (meter.Register{}) && r.Register.Cmp(over) >= 0 {
		return Verdict{AtModulus, meter.Point{Slot: r.Slot, Register: over}}, nil
	}
	dials, fall := l.dials.Take(p, near.before, near.after, l.limits)
	switch {
	case fall == nil:
		return Verdict{}, dials
	case fall.From.At == r.Slot.Instant():
		return above(fall.To), nil
	}
	return below(fall.From), nil
}

func (m *model) follow(r Reading, restored bool) {
	l := m.lifeOf(r.Meter)
	_, l.dials = m.fit(r, restored)
	m.lives[r.Meter] = l
}

// affirmed returns the change of which a meter sends what an exchange put there itself, or -1.
func (m *model) affirmed(r Reading, restored bool) int {
	return slices.IndexFunc(m.lifeOf(r.Meter).dials, func(c meter.Change) bool {
		return !restored && c.Placed == meter.PlacedAnew && c.At == r.Slot.Instant() && (r.Register == c.Old || r.Register == c.New)
	})
}

// affirm notes that the meter sent it.
func (m *model) affirm(r Reading, place int) {
	l := m.lifeOf(r.Meter)
	l.dials = slices.Clone(l.dials)
	c := &l.dials[place]
	if c.Placed = meter.NotPlaced; r.Register != c.Old {
		c.Placed = meter.PlacedOver
	}
	m.lives[r.Meter] = l
}

func (m *model) exchange(i Index, c meter.Change, replaces, restored bool) Verdict {
	l := m.lifeOf(i)
	slot, onGrid := c.At.Slot()
	shown := onGrid && !c.IsEstimated
	known, found := l.dials.Find(c.At)
	if found && known.Says(c) {
		return Verdict{Outcome: Duplicate}
	} else if found && !replaces {
		return Verdict{ExchangeConflict, meter.Point{Slot: slot, Register: known.Old}}
	}
	if v := m.past(i, slot, shown || known.Placed != meter.NotPlaced); v.Outcome != Accepted {
		return v
	}
	if !restored {
		c.Modulus = l.dials.RollsOverAt(c.At, l.limits)
	}
	if c.Modulus != (meter.Register{}) && max(c.Old.Cmp(c.Modulus), c.New.Cmp(c.Modulus)) >= 0 {
		return Verdict{AtModulus, meter.Point{Slot: slot, Register: c.Modulus}}
	}
	near := m.near(i, slot)
	if found {
		near.at, l.dials = m.under(known, near.at), l.dials.Without(c.At)
	}
	if c.IsEstimated && near.before == nil && near.at == nil && len(l.dials) == 0 && !restored {
		return Verdict{Outcome: NoReading}
	}
	was := c.Placed
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
	if restored {
		return m.putBack(i, c, near, was)
	}
	l.dials = l.dials.With(c)
	c.Placed = max(c.Placed, known.Placed)
	return m.refit(i, l, near, c)
}

// under is what stands at the slot of a change without it.
func (m *model) under(c meter.Change, at *meter.Point) *meter.Point {
	slot, _ := c.At.Slot()
	if c.Placed == meter.PlacedAnew {
		return nil
	} else if c.Placed == meter.PlacedOver {
		return &meter.Point{Slot: slot, Register: c.New}
	}
	return at
}

// putBack takes an exchange as it was recorded, if totals rise by it.
func (m *model) putBack(i Index, c meter.Change, near neighbours, was meter.Placing) Verdict {
	l := m.lifeOf(i)
	points := near.stretch().Readings
	if near.after != nil {
		points = points[:len(points)-1]
	}
	if last := len(points) - 1; c.IsEstimated && last >= 0 && !slices.ContainsFunc(l.dials, func(known meter.Change) bool {
		return points[last].Slot.Instant() <= known.At && known.At < c.At
	}) {
		var err error
		if c.Old, err = meter.ParseRegister(points[last].Register.Decimal().Add(c.Estimated.Decimal()).String()); err != nil {
			c.Old, _ = meter.RegisterFromParts(999_999_999_999_999_999, 0) // the highest
		}
	}
	placed := c.Placed
	if placed == meter.NotPlaced {
		c.Placed = was
	}
	dials := l.dials.With(c)
	reached := dials.Reached(c.At)
	for n, p := range points {
		if n > 0 && dials.Total(p).Cmp(dials.Total(points[n-1])) < 0 {
			return Verdict{BelowEarlier, points[n-1]}
		}
	}
	for _, p := range points {
		if dials.Total(p).Cmp(reached) > 0 {
			return Verdict{BelowEarlier, p}
		}
	}
	if near.after != nil && dials.Total(*near.after).Cmp(reached) < 0 {
		return Verdict{AboveLater, *near.after}
	}
	m.lives[i] = life{dials, l.limits, m.lives[i].displaced}
	m.show(i, c.At, near.at, placed)
	return Verdict{}
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
	near.at = m.under(c, near.at)
	d := l.dials.Without(at)
	over := d.RollsOverAt(at, l.limits)
	for _, p := range []*meter.Point{near.before, near.at} {
		if p != nil && over != (meter.Register{}) && p.Register.Cmp(over) >= 0 && (p == near.at || near.at == nil && len(d.Between(p.Slot, slot+1)) == 0) {
			return Verdict{AtModulus, meter.Point{Slot: slot, Register: over}}
		}
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
	m.lives[i] = life{dials, l.limits, m.lives[i].displaced}
	m.show(i, c.At, near.at, c.Placed)
	return Verdict{}
}

func (m *model) show(i Index, at meter.Instant, p *meter.Point, placed meter.Placing) {
	if slot, _ := at.Slot(); placed != meter.NotPlaced {
		if register, stood := m.known[i][slot]; stood {
			l := m.lives[i]
			l.displaced = append(slices.Clone(l.displaced), meter.Point{Slot: slot, Register: register})
			m.lives[i] = l
		}
		if p != nil {
			m.comes(i, *p)
		}
		delete(m.known[i], slot)
		delete(m.memory[i], slot)
		if p != nil {
			put(m.known, i, *p)
			put(m.memory, i, *p)
		}
		m.count++
		m.came[slot] = m.count
	}
}

// comes notes that a register that was displaced has come again.
func (m *model) comes(i Index, p meter.Point) {
	l := m.lives[i]
	l.displaced = slices.DeleteFunc(slices.Clone(l.displaced), func(d meter.Point) bool { return d == p })
	m.lives[i] = l
}

// putLimitsBack gives a meter limits that it had; with keeps it keeps others that it has.
func (m *model) putLimitsBack(i Index, limits meter.Limits, keeps bool) Verdict {
	if now := m.lifeOf(i).limits; keeps && now != limits && now != (meter.Limits{}) {
		return Verdict{Outcome: ExchangeConflict}
	}
	return m.limit(i, limits)
}

func (m *model) limit(i Index, limits meter.Limits) Verdict {
	l := m.lifeOf(i)
	if l.limits == limits {
		return Verdict{Outcome: Duplicate}
	}
	if none := (meter.Register{}); limits.RollsOverAt != none && limits.RollsOverAt != l.limits.RollsOverAt {
		most, shown := m.mostShown(i)
		rolled := len(l.dials) > 0 && l.dials[len(l.dials)-1].Kind == meter.Rollover
		if c := most.Register.Cmp(limits.RollsOverAt); shown && (c > 0 || c == 0 && !rolled) {
			return Verdict{AtModulus, most}
		}
	}
	m.lives[i] = life{l.dials, limits, l.displaced}
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
	near := m.near(i, slot)
	last := near.at
	if last == nil {
		last = near.before
	}
	for _, known := range l.dials {
		isBeside := last != nil && near.after != nil && last.Slot.Instant() <= known.At && known.At < near.after.Slot.Instant()
		if known.Kind == meter.Rollover && (known.At == c.At || isBeside) && known.Old == c.Old {
			return Verdict{Outcome: Duplicate}
		} else if known.Kind == meter.Rollover && known.At == c.At {
			return Verdict{ExchangeConflict, meter.Point{Slot: slot, Register: known.Old}}
		}
	}
	if v := m.past(i, slot, false); v.Outcome != Accepted {
		return v
	}
	if last != nil && near.after != nil {
		return Verdict{ExchangeConflict, *near.after}
	}
	m.lives[i] = life{l.dials.With(c), l.limits, l.displaced}
	return Verdict{}
}
