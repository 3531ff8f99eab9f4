package meter

import (
	"slices"

	"github.com/shopspring/decimal"
)

// Power is a power in kilowatts: exact, with the digits of a register.
type Power Register

// MarshalJSON writes p as a JSON number with exactly its digits.
func (p Power) MarshalJSON() ([]byte, error) { return Register(p).MarshalJSON() }

// Limits are what is known of a meter's dial and of the house behind it.
type Limits struct {
	RollsOverAt Register // the register that the dial shows as 0; 0 if it does not roll over
	MaxKW       Power    // the most that can go through the meter; 0 for MaxKWDefault
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
	f := d.fit(s, limits)
	if f.fall == nil && len(f.rolled) > 0 && d.bounds(p.Slot.Instant(), s) {
		f.fall = &f.rolled[0]
	}
	return NewDials(f.changes), f.fall
}

// bounds reports whether registers are known on both sides of an instant, whose distance a
// reading between them does not change.
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
	f := d.fit(s, limits)
	return NewDials(f.changes), f.fall
}

// stretch returns the exchanges and resets within a stretch.
func (d Dials) stretch(s Stretch) (within []Change) {
	for _, c := range d {
		if !c.isDerived() && (s.Begins || c.At >= s.Readings[0].Slot.Instant()) && (s.Ends || c.At < s.end()) {
			within = append(within, c)
		}
	}
	return within
}

func (s Stretch) end() Instant { return s.Readings[len(s.Readings)-1].Slot.Instant() }

func (d Dials) fit(s Stretch, limits Limits) *fitter {
	f := &fitter{power: limits.MaxKW}
	within := d.stretch(s)
	for _, c := range d {
		switch {
		case !c.isDerived():
			if !slices.ContainsFunc(within, func(w Change) bool { return w.At == c.At }) {
				f.changes = append(f.changes, c)
			}
		case len(s.Readings) > 0 && c.At >= s.Readings[0].Slot.Instant() && c.At < s.end():
			f.known = append(f.known, c)
		default:
			f.changes = append(f.changes, c)
		}
	}
	for _, p := range s.Readings {
		at := p.Slot.Instant()
		for len(within) > 0 && within[0].At < at {
			f.change(within[0])
			within = within[1:]
		}
		f.reach(Knot{At: at, Register: p.Register}, d.RollsOverAt(at, limits))
	}
	for _, c := range within {
		f.change(c)
	}
	return f
}

// fitter goes through what is known of a meter in order of time.
type fitter struct {
	power   Power
	changes []Change
	known   []Change // where the dial rolled over before
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
	case len(f.known) > 0 && last.Register.Cmp(f.known[0].Old) <= 0 && k.Register.Cmp(f.known[0].Old) < 0:
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

// change goes on to another dial.
func (f *fitter) change(c Change) {
	old := Knot{c.At, c.Old, true}
	switch {
	case !c.IsEstimated:
		f.reach(old, c.Modulus)
	case f.last != nil: // else its last reading is not here
		c.Old = f.last.Register.plus(c.Estimated)
	}
	f.changes = append(f.changes, c)
	f.last = &Knot{c.At, c.New, true}
}
