package meter

import (
	"math"
	"slices"

	"github.com/shopspring/decimal"
)

// Power is a power in kilowatts: exact, with the digits of a register.
type Power Register

// MarshalJSON writes p as a JSON number with exactly its digits.
func (p Power) MarshalJSON() ([]byte, error) { return Register(p).MarshalJSON() }

// UnmarshalJSON reads a JSON number that is a power.
func (p *Power) UnmarshalJSON(b []byte) error { return (*Register)(p).UnmarshalJSON(b) }

// Limits are what is known of a meter's dial and of the house behind it.
type Limits struct {
	RollsOverAt Register // the register that the dial shows as 0; 0 if it does not roll over
	MaxKW       Power    // the most that can go through the meter; 0 for MaxKWDefault
}

// SomeLimits are those of a meter's limits that are said anew. The others stay as they are.
type SomeLimits struct {
	RollsOverAt *Register // nil if it stays
	MaxKW       *Power    // nil if it stays
}

// Over returns the limits that follow from those of before.
func (s SomeLimits) Over(l Limits) Limits {
	if s.RollsOverAt != nil {
		l.RollsOverAt = *s.RollsOverAt
	}
	if s.MaxKW != nil {
		l.MaxKW = *s.MaxKW
	}
	return l
}

// MaxKWDefault is 60 kW, as emoncms has it.
var MaxKWDefault = Power{coefficient: 60}

// allows reports whether a dial can have gone past its end between two registers, in so many
// seconds.
func (l Limits) allows(from, to Register, seconds Instant) bool {
	if from.Cmp(l.RollsOverAt) > 0 || to.Cmp(l.RollsOverAt) >= 0 || seconds <= 0 {
		return false
	}
	power := l.MaxKW
	if power == (Power{}) {
		power = MaxKWDefault
	}
	used := l.RollsOverAt.Decimal().Sub(from.Decimal()).Add(to.Decimal())
	most := Register(power).Decimal().Mul(decimal.NewFromInt(int64(seconds)))
	return used.Mul(decimal.NewFromInt(3600)).LessThanOrEqual(most)
}

// Knot is a register that is known of an instant: a reading, or one side of a change.
type Knot struct {
	At       Instant
	Register Register
	OfChange bool
}

// Point returns the knot as of the slot at or before it.
func (k Knot) Point() Point {
	slot, _ := k.At.Slot()
	return Point{slot, k.Register}
}

// Fall is two neighbouring registers of one dial of which the later is less than the earlier
// although the dial did not roll over between them.
type Fall struct{ From, To Knot }

// Stretch is some of a meter's readings in order of time, without one left out between them.
type Stretch struct {
	Readings     []Point
	Begins, Ends bool // there is no reading before it, after it
}

// Take judges a reading between its neighbours, or beside the one that there is, and returns
// the changes that follow: the dial rolls over if the limits allow it and nothing is known
// from which on it must not. Where it rolled over moves to fit the reading.
func (d Dials) Take(p Point, before, after *Point, limits Limits) (Dials, *Fall) {
	s := Stretch{Begins: before == nil, Ends: after == nil}
	for _, p := range [...]*Point{before, &p, after} {
		if p != nil {
			s.Readings = append(s.Readings, *p)
		}
	}
	if d.isUntouched(s) {
		return d, nil
	}
	return d.fit(s, limits, func(at Instant) bool { return s.open(at) || s.Ends && at == p.Slot.Instant() }).bounded(d, s)
}

// Correct judges readings that were corrected, or withdrawn and so left out, between two that
// were not. Registers that stand must not move apart by a turn of the dial.
func (d Dials) Correct(s Stretch, limits Limits) (corrected Dials, fall *Fall) {
	if d.isUntouched(s) {
		return d, nil
	}
	return d.fit(s, limits, s.open).bounded(d, s)
}

// isUntouched reports whether a stretch has no change within it and registers rise, as nearly
// always. Then nothing follows from it, and it costs little however many changes there are.
func (d Dials) isUntouched(s Stretch) bool {
	if len(s.Readings) == 0 {
		return false
	}
	first, end := 0, len(d) // of the changes that s holds
	if !s.Begins {
		first = d.Before(s.Readings[0].Slot)
	}
	if !s.Ends {
		end = d.Before(s.Readings[len(s.Readings)-1].Slot)
	}
	return first >= end && slices.IsSortedFunc(s.Readings, func(a, b Point) int { return a.Register.Cmp(b.Register) })
}

// bounded returns what follows if the dial rolls over between no two registers that stand, unless
// it did before.
func (f *fitter) bounded(d Dials, s Stretch) (Dials, *Fall) {
	for i := range f.rolled {
		if f.fall == nil && d.bounds(f.rolled[i].To.At, s) {
			f.fall = &f.rolled[i]
		}
	}
	return NewDials(f.changes), f.fall
}

// bounds reports whether registers are known on both sides of an instant, whose distance does
// not depend on the readings between them.
func (d Dials) bounds(at Instant, s Stretch) bool {
	above, below := !s.Ends, !s.Begins
	for _, c := range d.stretch(s) {
		if c.At < at {
			below = true
		} else {
			return below && !c.IsEstimated
		}
	}
	return above && below
}

// Refit derives anew where the dial rolled over within a stretch, and the registers of dials
// that nobody read, and returns the changes that follow. Where a dial rolled over before, it
// did, whatever the limits say now. fall is not nil if the registers do not rise so.
func (d Dials) Refit(s Stretch, limits Limits) (refitted Dials, fall *Fall) {
	f := d.fit(s, limits, s.open)
	return NewDials(f.changes), f.fall
}

// stretch returns the exchanges and resets within a stretch.
func (d Dials) stretch(s Stretch) (within []Change) {
	for _, c := range d {
		if !c.isDerived() && s.holds(c.At) {
			within = append(within, c)
		}
	}
	return within
}

// holds reports whether a change of an instant lies within the stretch.
func (s Stretch) holds(at Instant) bool {
	return (s.Begins || at >= s.Readings[0].Slot.Instant()) && (s.Ends || at < s.Readings[len(s.Readings)-1].Slot.Instant())
}

// open reports whether the readings around an instant are still to come. Where an operator puts
// back that the dial rolled over, it did.
func (s Stretch) open(at Instant) bool {
	n := len(s.Readings)
	return s.Begins && (n == 0 || at < s.Readings[0].Slot.Instant()) || s.Ends && (n == 0 || at > s.Readings[n-1].Slot.Instant())
}

// fit goes through a stretch. A rollover of before that nothing proves any more stays if keep
// says so.
func (d Dials) fit(s Stretch, limits Limits, keep func(Instant) bool) *fitter {
	f := &fitter{power: limits.MaxKW, keep: keep}
	within := d.stretch(s)
	for _, c := range d {
		switch {
		case !s.holds(c.At):
			f.changes = append(f.changes, c)
		case c.isDerived():
			f.known = append(f.known, c)
		}
	}
	for _, p := range s.Readings {
		at := p.Slot.Instant()
		for len(within) > 0 && within[0].At < at {
			f.change(within[0])
			within = within[1:]
		}
		f.until = math.MaxInt64
		if len(within) > 0 {
			f.until = within[0].At
		}
		f.reach(Knot{At: at, Register: p.Register}, d.RollsOverAt(at, limits))
	}
	for _, c := range within {
		f.change(c)
	}
	f.pass(math.MaxInt64)
	return f
}

// fitter goes through what is known of a meter in order of time.
type fitter struct {
	power   Power
	changes []Change
	known   []Change // where the dial rolled over before, from the present dial on
	keep    func(Instant) bool
	until   Instant // which the present dial counts
	last    *Knot
	rolled  []Fall // where it rolls over now
	fall    *Fall  // the first
}

// reach goes on to another register of the same dial.
func (f *fitter) reach(k Knot, modulus Register) {
	last := f.last
	f.last = &k
	if last == nil || k.Register.Cmp(last.Register) >= 0 {
		return
	}
	limits := Limits{modulus, f.power}
	switch {
	case f.isKnown(*last, k):
		limits.RollsOverAt, f.known = f.known[0].Old, f.known[1:]
	case limits.allows(last.Register, k.Register, k.At-last.At):
		f.rolled = append(f.rolled, Fall{*last, k})
	default:
		if f.fall == nil {
			f.fall = &Fall{*last, k}
		}
		return
	}
	f.changes = append(f.changes, Change{At: last.At, Kind: Rollover, Old: limits.RollsOverAt})
}

// isKnown reports whether the present dial rolled over before, and can have between two knots.
func (f *fitter) isKnown(from, to Knot) bool {
	if len(f.known) == 0 || f.known[0].At >= f.until {
		return false
	}
	over := f.known[0].Old
	return from.Register.Cmp(over) <= 0 && to.Register.Cmp(over) < 0
}

// pass leaves behind where the dial rolled over before an instant.
func (f *fitter) pass(at Instant) {
	for ; len(f.known) > 0 && f.known[0].At < at; f.known = f.known[1:] {
		if f.keep(f.known[0].At) {
			f.changes = append(f.changes, f.known[0])
		}
	}
}

// change goes on to another dial.
func (f *fitter) change(c Change) {
	old := Knot{c.At, c.Old, true}
	f.until = c.At
	switch {
	case !c.IsEstimated:
		f.reach(old, c.Modulus)
	case f.last != nil: // else its last reading is not here
		c.Old = f.last.Register.plus(c.Estimated)
	}
	f.pass(c.At)
	f.changes = append(f.changes, c)
	f.last = &Knot{c.At, c.New, true}
}
