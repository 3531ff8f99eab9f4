package vee

import (
	"sort"

	"meterledger/internal/meter"
)

// Mode says what is done about registers that are missing.
type Mode uint8

// The modes.
const (
	None       Mode = iota // they stay missing
	LinearOnly             // a straight line between two known ones
	Auto                   // by the length of the gap, and after the last register too
)

// linearMax is the longest gap that Auto fills with a straight line, in seconds: 2 hours.
const linearMax meter.Instant = 2 * 60 * 60

// IsLong reports whether a gap between two readings is longer than what is filled with a
// straight line.
func IsLong(from, to meter.Slot) bool { return to.Instant()-from.Instant() > linearMax }

// meanDay is the least distance of two registers that say what a meter uses in a mean day, if
// there are such, in seconds.
const meanDay meter.Instant = 24 * 60 * 60

// Estimator estimates registers of one meter. A register makes a gap harmless: once the next one
// arrives, the gap's total is known, and only how it is spread over time is estimated. So all
// estimates between two known registers add up to their difference, to the last digit.
//
// It remembers the last gap, so that it is fast
// if slots are asked for in order. It is for one goroutine.
type Estimator struct {
	Mode    Mode
	Zone    *meter.Zone
	Dials   meter.Dials
	History []meter.Point // readings in order of time: those of HistoryDays before each long gap, and one a day older than an open one

	near *stretch // the last one that was asked for
	days map[meter.Day]*dayUse
}

// At estimates the register at a slot that has no reading. before and after are the readings
// nearest to it; nil if there are none.
//
// Between two known registers it lies on the straight line, or, in the mode Auto and if they
// are more than two hours apart, follows the shape of like days. It is cut to as many decimals
// as the two have, at least 3, and fewer only if the limit of 18 digits requires it. So it is a
// register that the meter could have sent, never past a neighbour, and never less than one of
// an earlier slot. After the last known register there is an estimate only in the mode Auto:
// the mean of like days goes on, and from the first day that has none the mean use of the day
// before the gap; where the dial would roll over, it goes on above. Before the first known
// register there is none.
func (e *Estimator) At(slot meter.Slot, before, after *meter.Point) Known {
	if e.near == nil || !e.near.holds(slot) {
		e.near = e.find(slot.Instant(), before, after)
	}
	if e.near != nil {
		if k, ok := e.near.at(slot); ok {
			return k
		}
	}
	return Unknown(slot, e.Dials)
}

// find returns the stretch around an instant, and nil if nothing can be said about it.
func (e *Estimator) find(at meter.Instant, before, after *meter.Point) *stretch {
	s := &stretch{}
	if before != nil {
		s.from = &end{before.Slot.Instant(), before.Register, e.Dials.Before(before.Slot)}
	}
	if after != nil {
		s.to = &end{after.Slot.Instant(), after.Register, e.Dials.Before(after.Slot)}
	}
	s.narrow(e.Dials, at)
	switch {
	case s.from == nil || s.to == nil && e.Mode != Auto:
		return nil
	case s.to == nil:
		e.goOn(s)
	default:
		e.spread(s)
	}
	return s
}

// spread says how the known energy of a stretch is spread over it.
func (e *Estimator) spread(s *stretch) {
	s.rise = e.total(s.to).Sub(e.total(s.from)).Decimal
	if e.Mode != Auto || s.to.at-s.from.at <= linearMax {
		return
	}
	if c := newCurve(e, s.from.at); c.reach(s.to.at) && c.until(s.to.at).IsPositive() {
		s.curve = c
	}
}

func (e *Estimator) total(of *end) meter.Total { return e.Dials.TotalOn(of.changes, of.register) }

// goOn says how a meter goes on after its last known register.
func (e *Estimator) goOn(s *stretch) {
	s.curve = newCurve(e, s.from.at)
	dayBefore := sort.Search(len(e.History), func(i int) bool { return e.History[i].Slot.Instant() > s.from.at-meanDay }) - 1
	if dayBefore = max(dayBefore, 0); len(e.History) == 0 || e.History[dayBefore].Slot.Instant() >= s.from.at {
		return
	}
	earlier := e.History[dayBefore]
	s.rise = e.total(s.from).Sub(e.Dials.Total(earlier)).Decimal
	s.span = s.from.at - earlier.Slot.Instant()
}
