package store

import "meterledger/internal/meter"

// putBack makes dials those of a meter if what has gone through it rises by them from the
// readings near an exchange or a reset to that and on.
func (s *Store) putBack(i Index, d meter.Dials, near neighbours, at meter.Instant) Verdict {
	reached := d.Reached(at)
	if near.before != nil && near.at != nil && d.Total(*near.before).Cmp(d.Total(*near.at)) > 0 {
		return Verdict{BelowEarlier, *near.before}
	}
	for _, before := range [...]*meter.Point{near.before, near.at} {
		if before != nil && d.Total(*before).Cmp(reached) > 0 {
			return Verdict{BelowEarlier, *before}
		}
	}
	if near.after != nil && d.Total(*near.after).Cmp(reached) < 0 {
		return Verdict{AboveLater, *near.after}
	}
	l := *s.lifeOf(i)
	l.dials = d
	s.live(i, l)
	return Verdict{Outcome: Accepted}
}

// encloses reports whether an instant lies between two readings that follow each other.
func (n neighbours) encloses(at meter.Instant) bool {
	before := n.at
	if before == nil {
		before = n.before
	}
	return before != nil && n.after != nil && before.Slot.Instant() <= at && at < n.after.Slot.Instant()
}

// Outdated reports whether a register in a file that was written before may not be true any
// more: it was corrected, or an exchange of its meter that was entered or taken back since has
// put another in its place, or none. Then what is known else of its meter counts.
func (s *Store) Outdated(id meter.ID, p meter.Point) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i, known := s.directory.find(id)
	l := s.lifeOf(i)
	return known && (len(l.dials)+len(l.displaced) > 0 || s.edits.at(i).replaced(p))
}
