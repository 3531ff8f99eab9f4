package store

import (
	"slices"

	"meterledger/internal/meter"
	"meterledger/internal/mutant"
)

// Judge says what Apply would decide about a reading now. It keeps what is
// certainly refused out of the journal; only Apply decides.
func (s *Store) Judge(r Reading, restored bool) Verdict {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.judge(r, restored)
}

// JudgeMany judges readings as Judge does, under one read lock. It appends to judged
// those that would not be accepted, in their order. Each is judged against the present
// state, none beside another.
func (s *Store) JudgeMany(readings []Reading, restored bool, judged []PlacedVerdict) []PlacedVerdict {
	s.mu.RLock()
	defer s.mu.RUnlock()
	isCalm := s.isCalm(restored)
	for place := 0; place < len(readings); {
		if isCalm {
			if n := s.onward(readings[place:]); n > 0 { // all of them are behind what the present state has
				place += n
				continue
			}
		}
		if v := s.judge(readings[place], restored); v.Outcome != Accepted {
			judged = append(judged, PlacedVerdict{place, v})
		}
		place++
	}
	return judged
}

func (s *Store) judge(r Reading, restored bool) Verdict {
	if s.refuses() && !restored {
		return Verdict{Outcome: NotReceiving}
	}
	if s.hold.Window.Contains(r.Slot) {
		return Verdict{Outcome: Held}
	}
	if s.marked.has(r.Meter) {
		verdict, _ := s.fit(r, restored)
		return verdict
	}
	latest := s.latest.at(r.Meter)
	if r.Slot > latest.Slot && (r.Slot >= s.closedUntil || s.level < LevelHolds) {
		return rising(latest, latest.Slot > 0, meter.Point{}, false, r.Register)
	}
	if m := s.monthAt(r.Slot); m != nil && m.mustRecall(r.Meter) {
		return Verdict{Outcome: Archived}
	}
	if recorded, ok := s.grid.at(r.Meter, r.Slot); ok {
		if recorded == r.Register {
			return Verdict{Outcome: Duplicate}
		}
		return Verdict{Conflict, meter.Point{Slot: r.Slot, Register: recorded}}
	}
	earlier, hasEarlier := s.earlier(r.Meter, r.Slot)
	later, hasLater := s.later(r.Meter, r.Slot)
	return rising(earlier, hasEarlier, later, hasLater, r.Register)
}

// rising is the rule that registers rise with time; standing still is right.
func rising(earlier meter.Point, hasEarlier bool, later meter.Point, hasLater bool, register meter.Register) Verdict {
	if !mutant.DecreaseAccepted && hasEarlier && register.Cmp(earlier.Register) < 0 {
		return Verdict{BelowEarlier, earlier}
	}
	if hasLater && register.Cmp(later.Register) > 0 {
		return Verdict{AboveLater, later}
	}
	return Verdict{Outcome: Accepted}
}

// fit judges a reading of a meter that is marked, and returns the dials that follow if it is
// accepted. One that an operator puts back changes none that it fits, since these were put back too.
func (s *Store) fit(r Reading, restored bool) (Verdict, meter.Dials) {
	if !mutant.CorrectionUndone && s.edits.at(r.Meter).replaced(meter.Point{Slot: r.Slot, Register: r.Register}) {
		return Verdict{Outcome: Duplicate}, nil
	}
	if restored && slices.Contains(s.lifeOf(r.Meter).displaced, meter.Point{Slot: r.Slot, Register: r.Register}) {
		return Verdict{Outcome: Duplicate}, nil // no meter sent it: a file has it that was written while an exchange stood
	}
	if m := s.monthAt(r.Slot); m != nil && m.mustRecall(r.Meter) {
		return Verdict{Outcome: Archived}, nil
	}
	l := s.lifeOf(r.Meter)
	if s.goesOn(l, r) {
		return Verdict{Outcome: Accepted}, l.dials
	}
	c, isChange := l.dials.Find(r.Slot.Instant())
	isNew := isChange && !c.IsEstimated && r.Register == c.New // of the dial that begins there
	if recorded, ok := s.grid.at(r.Meter, r.Slot); ok {
		if isChange && !restored && isAffirmed(&c, r) {
			return Verdict{Outcome: Accepted}, l.dials
		}
		if recorded == r.Register || isNew && recorded == c.Old {
			return Verdict{Outcome: Duplicate}, nil
		}
		return Verdict{Conflict, meter.Point{Slot: r.Slot, Register: recorded}}, nil
	} else if isNew && c.Old != c.New { // the old dial's is not here while an operator puts things back
		return Verdict{Outcome: Duplicate}, nil
	}
	at, p := r.Slot.Instant(), meter.Point{Slot: r.Slot, Register: r.Register}
	near := s.around(r.Meter, r.Slot)
	if restored && l.dials.Holds(p, near.before, near.after) {
		return Verdict{Outcome: Accepted}, l.dials
	}
	if over := l.dials.RollsOverAt(at, l.limits); over != (meter.Register{}) && r.Register.Cmp(over) >= 0 {
		return Verdict{AtModulus, meter.Point{Slot: r.Slot, Register: over}}, nil
	}
	dials, fall := l.dials.Take(p, near.before, near.after, l.limits)
	switch {
	case fall == nil:
		return Verdict{Outcome: Accepted}, dials
	case fall.From.At == at:
		return above(fall.To), nil
	}
	return below(fall.From), nil
}

// goesOn reports whether a reading is the next of the meter's present dial, and so changes
// nothing of its life. Nearly all are.
func (s *Store) goesOn(l *life, r Reading) bool {
	latest, n := s.latest.at(r.Meter), len(l.dials)
	return latest.Slot > 0 && r.Slot > latest.Slot && r.Slot >= s.closedUntil && r.Register.Cmp(latest.Register) >= 0 &&
		(n == 0 || l.dials[n-1].At < latest.Slot.Instant()) &&
		(l.limits.RollsOverAt == meter.Register{} || r.Register.Cmp(l.limits.RollsOverAt) < 0)
}
