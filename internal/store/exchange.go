package store

import (
	"encoding/binary"
	"errors"
	"slices"

	"meterledger/internal/meter"
)

// An exchange is a new dial from an instant on: of another meter, or of the same one that
// begins anew. It may come late: what is stored stays as the dials showed it, and is
// understood anew. What lies in a closed month is closed again by the next run. An exchange
// that an operator puts back leaves it to the archives which readings there are. One that
// replaces another of the same instant takes that back.
//
//	exchange    23 | meter uint32 | replaces uint8 | change
//	taken back  24 | meter uint32 | at uint64
type exchange struct {
	meter    Index
	replaces bool
	change   meter.Change
	restored bool
}

// AppendExchange adds an exchange or a reset to a batch.
func AppendExchange(b []byte, i Index, c meter.Change, replaces bool) []byte {
	b = binary.BigEndian.AppendUint32(append(b, byte(kindExchange)), uint32(i))
	return appendChange(appendFlag(b, replaces), c)
}

// AppendRestoredExchange adds one that an operator puts back.
func AppendRestoredExchange(b []byte, i Index, c meter.Change) []byte {
	return AppendExchange(append(b, byte(kindRestored)), i, c, false)
}

var errRollover = errors.New("a rollover is no exchange")

func (d *decoder) exchange() exchange {
	x := exchange{meter: d.meter(), replaces: d.flag(), change: d.change()}
	if x.change.Kind == meter.Rollover {
		d.fail(errRollover)
	}
	return x
}

func (x exchange) effect(s *Store) Verdict {
	c, l := x.change, s.lifeOf(x.meter)
	slot, onGrid := c.At.Slot()
	known, found := l.dials.Find(c.At)
	switch {
	case found && known.Says(c):
		return Verdict{Outcome: Duplicate}
	case found && !x.replaces:
		return Verdict{ExchangeConflict, meter.Point{Slot: slot, Register: known.Old}}
	}
	shown := onGrid && !c.IsEstimated // at the slot
	changed := shown || known.Placed != meter.NotPlaced
	if v := s.open(x.meter, slot, changed); v.Outcome != Accepted {
		return v
	}
	if !x.restored {
		c.Modulus = l.dials.RollsOverAt(c.At, l.limits)
	}
	if c.Modulus != (meter.Register{}) && (!c.IsEstimated && c.Old.Cmp(c.Modulus) >= 0 || c.New.Cmp(c.Modulus) >= 0) {
		return Verdict{AtModulus, meter.Point{Slot: slot, Register: c.Modulus}}
	}
	near, d := s.around(x.meter, slot), l.dials
	if found {
		near.at, d = beneath(known, near.at), d.Without(c.At)
	}
	if c.IsEstimated && near.before == nil && near.at == nil && len(d) == 0 && !x.restored {
		return Verdict{Outcome: NoReading}
	}
	placed := meter.NotPlaced
	if shown {
		switch {
		case near.at == nil && x.restored, near.at != nil && near.at.Register == c.Old:
		case near.at == nil:
			placed = meter.PlacedAnew
		case near.at.Register == c.New:
			placed = meter.PlacedOver
		default:
			return Verdict{Conflict, *near.at}
		}
		near.at = &meter.Point{Slot: slot, Register: c.Old}
	}
	if !x.restored || placed != meter.NotPlaced {
		c.Placed = placed
	}
	x.change = c
	v := x.join(s, d, near)
	if v.Outcome == Accepted {
		s.show(x.meter, slot, near.at, max(placed, known.Placed))
		s.closeAgain(slot, changed)
	}
	return v
}

// beneath returns what stands at the slot of a change once that is taken back.
func beneath(c meter.Change, at *meter.Point) *meter.Point {
	switch slot, _ := c.At.Slot(); c.Placed {
	case meter.PlacedAnew:
		return nil
	case meter.PlacedOver:
		return &meter.Point{Slot: slot, Register: c.New}
	}
	return at
}

// join adds an exchange to dials of its meter. Of one that is put back nothing is derived but
// the register that nobody read: the rest follows from what may be in archives that are not read
// yet.
func (x exchange) join(s *Store, d meter.Dials, near neighbours) Verdict {
	if !x.restored {
		return s.refit(x.meter, d.With(x.change), near, x.change.At)
	}
	last := near.at
	if last == nil {
		last = near.before
	}
	return s.putBack(x.meter, d.WithRecorded(x.change, last), near, x.change.At)
}

// show makes what stands at a slot the register of a point, or nothing. Files that were written
// before may still have what stood there.
func (s *Store) show(i Index, slot meter.Slot, p *meter.Point, placed meter.Placing) {
	if placed == meter.NotPlaced {
		return
	}
	l := *s.lifeOf(i)
	l.displaced = slices.Clone(l.displaced)
	if register, stored := s.grid.at(i, slot); stored {
		l.displaced = append(l.displaced, meter.Point{Slot: slot, Register: register})
		s.unrecord(i, slot)
	}
	if p != nil {
		l.displaced = slices.DeleteFunc(l.displaced, func(d meter.Point) bool { return d == *p })
		s.record(i, *p)
	}
	s.live(i, l)
	if s.level >= LevelHolds {
		s.arrive(slot)
	}
}

// affirm takes a reading that a meter sends of the time of an exchange, which stands there
// already: once it was sent, it stays if the exchange is taken back. It reports false for any
// other.
func (s *Store) affirm(r Reading) bool {
	l := *s.lifeOf(r.Meter)
	place := slices.IndexFunc(l.dials, func(c meter.Change) bool { return isAffirmed(&c, r) })
	if place < 0 {
		return false
	}
	changes := slices.Clone(l.dials)
	if changes[place].Placed = meter.NotPlaced; r.Register != changes[place].Old {
		changes[place].Placed = meter.PlacedOver
	}
	l.dials = meter.NewDials(changes)
	s.live(r.Meter, l)
	return true
}

// Affirms reports whether a reading would be affirmed.
func (s *Store) Affirms(r Reading) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.ContainsFunc(s.lifeOf(r.Meter).dials, func(c meter.Change) bool { return isAffirmed(&c, r) })
}

// isAffirmed reports whether a meter sends itself what an exchange put at its slot.
func isAffirmed(c *meter.Change, r Reading) bool {
	return c.Placed == meter.PlacedAnew && c.At == r.Slot.Instant() && (r.Register == c.Old || r.Register == c.New)
}

// refit makes dials those of a meter, if registers rise by them near an instant.
func (s *Store) refit(i Index, d meter.Dials, near neighbours, at meter.Instant) Verdict {
	l := *s.lifeOf(i)
	dials, fall := d.Refit(near.stretch(), l.limits)
	switch {
	case fall == nil:
		l.dials = dials
		s.live(i, l)
		return Verdict{Outcome: Accepted}
	case fall.To.At <= at:
		return below(fall.From)
	}
	return above(fall.To)
}

func below(k meter.Knot) Verdict {
	if k.OfChange {
		return Verdict{BelowExchange, k.Point()}
	}
	return Verdict{BelowEarlier, k.Point()}
}

func above(k meter.Knot) Verdict {
	if k.OfChange {
		return Verdict{AboveExchange, k.Point()}
	}
	return Verdict{AboveLater, k.Point()}
}

// takenBack says that there was no such exchange.
type takenBack struct {
	meter Index
	at    meter.Instant
}

// AppendTakenBack adds to a batch that an exchange or a reset is taken back.
func AppendTakenBack(b []byte, i Index, at meter.Instant) []byte {
	b = binary.BigEndian.AppendUint32(append(b, byte(kindTakenBack)), uint32(i))
	return binary.BigEndian.AppendUint64(b, uint64(at))
}

func (d *decoder) takenBack() takenBack { return takenBack{d.meter(), d.instant()} }

func (x takenBack) effect(s *Store) Verdict {
	l := s.lifeOf(x.meter)
	c, found := l.dials.Find(x.at)
	if !found {
		return Verdict{Outcome: NoChange}
	}
	slot, _ := x.at.Slot()
	if v := s.open(x.meter, slot, c.Placed != meter.NotPlaced); v.Outcome != Accepted {
		return v
	}
	near, d := s.around(x.meter, slot), l.dials.Without(x.at)
	near.at = beneath(c, near.at)
	if over := d.RollsOverAt(x.at, l.limits); over != (meter.Register{}) && near.shows(d, slot).Cmp(over) >= 0 {
		return Verdict{AtModulus, meter.Point{Slot: slot, Register: over}}
	}
	v := s.refit(x.meter, d, near, x.at)
	if v.Outcome == Accepted {
		s.show(x.meter, slot, near.at, c.Placed)
		s.closeAgain(slot, c.Placed != meter.NotPlaced)
	}
	return v
}
