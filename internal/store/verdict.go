package store

import "meterledger/internal/meter"

// Outcome is what Apply decided about an entry.
type Outcome uint8

// The outcomes.
const (
	Accepted     Outcome = iota
	Duplicate            // the same reading is recorded already
	Conflict             // the slot holds another register
	BelowEarlier         // the register is less than an earlier one
	AboveLater           // the register is more than a later one
	Archived             // the slot lies in a closed month whose rows of this meter must be recalled first
	MeterExists          // the id is registered already
	StaleRecall          // the month was archived again since its rows were read
	NotAdopted           // the file does not fit what is known
	Held                 // the slot is held back while its month is being archived
	NotReceiving         // reception is shut down
	Over                 // the hold that the entry names does not stand, or another one does
)

// Verdict is an outcome and, where it turned on another reading, that reading.
type Verdict struct {
	Outcome Outcome
	Other   meter.Point
}

// Judge says what Apply would decide about a reading now. It keeps what is
// certainly refused out of the journal; only Apply decides.
func (s *Store) Judge(r Reading, restored bool) Verdict {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.judge(r, restored)
}

func (s *Store) judge(r Reading, restored bool) Verdict {
	if !restored {
		if s.refuses() {
			return Verdict{Outcome: NotReceiving}
		}
		if s.hold.Window.Contains(r.Slot) {
			return Verdict{Outcome: Held}
		}
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
func rising(earlier meter.Point, hasEarlier bool, later meter.Point, hasLater bool, register meter.KWh) Verdict {
	if hasEarlier && register.Cmp(earlier.Register) < 0 {
		return Verdict{BelowEarlier, earlier}
	}
	if hasLater && register.Cmp(later.Register) > 0 {
		return Verdict{AboveLater, later}
	}
	return Verdict{Outcome: Accepted}
}

// earlier returns the meter's latest reading before a slot, in memory or in a
// closed month.
func (s *Store) earlier(i Index, slot meter.Slot) (meter.Point, bool) {
	found, ok := s.grid.before(i, slot)
	for _, m := range s.months {
		summary, has := m.summary(i)
		if has && summary.Last.Slot < slot && (!ok || summary.Last.Slot > found.Slot) {
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
		summary, has := m.summary(i)
		if has && summary.First.Slot > slot && (!ok || summary.First.Slot < found.Slot) {
			found, ok = summary.First, true
		}
	}
	return found, ok
}
