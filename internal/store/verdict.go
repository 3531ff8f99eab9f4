package store

import (
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

// PlacedVerdict is a verdict on one of many readings.
type PlacedVerdict struct {
	Place int // among the readings that were asked about
	Verdict
}

// JudgeMany judges readings as Judge does, under one read lock. It appends to judged
// those that would not be accepted, in their order. Each is judged against the present
// state, none beside another.
func (s *Store) JudgeMany(readings []Reading, restored bool, judged []PlacedVerdict) []PlacedVerdict {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for place := range readings {
		if v := s.judge(readings[place], restored); v.Outcome != Accepted {
			judged = append(judged, PlacedVerdict{place, v})
		}
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
	if s.marked.has(r.Meter) && s.edits.at(r.Meter).replaced(meter.Point{Slot: r.Slot, Register: r.Register}) {
		return Verdict{Outcome: Duplicate}
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

// earlier returns the meter's latest reading before a slot, in memory or in a
// closed month. What a month's summary says of rows that are in memory may be out of date.
func (s *Store) earlier(i Index, slot meter.Slot) (meter.Point, bool) {
	found, ok := s.grid.before(i, slot)
	for _, m := range s.months {
		summary, _ := m.summary(i)
		if m.mustRecall(i) && summary.Last.Slot < slot && (!ok || summary.Last.Slot > found.Slot) {
			found, ok = summary.Last, true
		}
	}
	return found, ok
}

// later returns the meter's first reading after a slot, in memory or in a
// closed month.
func (s *Store) later(i Index, slot meter.Slot) (meter.Point, bool) {
	found, ok := s.grid.after(i, slot)
	for _, m := range s.months {
		summary, _ := m.summary(i)
		if m.mustRecall(i) && summary.First.Slot > slot && (!ok || summary.First.Slot < found.Slot) {
			found, ok = summary.First, true
		}
	}
	return found, ok
}
