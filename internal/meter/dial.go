package meter

import (
	"cmp"
	"slices"
	"sort"
	"time"
)

// Change is a moment from which another register counts: another dial, or the same one from
// its beginning. A reading at that moment belongs to the dial before it.
type Change struct {
	At       Instant
	Kind     ChangeKind
	Old, New Register // what was shown last and first; a rollover's Old is the register at which the dial rolls over
	Serial   string   // of the new meter; empty if it is not known
	Modulus  Register // at which the dial before rolled over; 0 if it did not

	// IsEstimated says that nobody read the old dial. Then Old is its last reading, whenever
	// that came, and Estimated, in kWh.
	IsEstimated bool
	Estimated   Register

	By        string // who entered it; empty if that is not known
	EnteredAt time.Time
	Placed    Placing // what it did to the reading at its slot

	offset Total // of all registers from here to the next change
}

// ChangeKind says why another register counts.
type ChangeKind uint8

// The kinds of change.
const (
	Exchange ChangeKind = 1 // another meter
	Reset    ChangeKind = 2 // the same meter begins anew
	Rollover ChangeKind = 3 // the dial went past its end; it follows from the readings around it
)

var changeKinds = [...]string{Exchange: "exchange", Reset: "reset", Rollover: "rollover"}

// IsKnown reports whether k is one of the kinds.
func (k ChangeKind) IsKnown() bool { return k >= Exchange && k <= Rollover }

func (k ChangeKind) String() string { return changeKinds[k] }

// ParseChangeKind reads the name of a kind.
func ParseChangeKind(s string) (ChangeKind, bool) {
	k := slices.Index(changeKinds[:], s)
	return ChangeKind(k), k > 0
}

// Placing says what an exchange on the grid did to the reading at its slot, so that what stands
// there is the register of the old dial.
type Placing uint8

// The placings.
const (
	NotPlaced  Placing = 0
	PlacedAnew Placing = 1 // there was none
	PlacedOver Placing = 2 // it was the new dial's
)

// Says reports whether two changes of one moment say the same, whoever entered them.
func (c Change) Says(other Change) bool {
	if c.IsEstimated {
		other.Old = c.Old
	}
	other.Modulus, other.By, other.EnteredAt, other.Placed, other.offset = c.Modulus, c.By, c.EnteredAt, c.Placed, c.offset
	return c == other
}

// isDerived reports whether a change follows from the readings around it.
func (c *Change) isDerived() bool { return c.Kind == Rollover }

// Dials are all changes of a meter, in order of time. They are never changed, only replaced.
// Most meters have none.
type Dials []Change

// NewDials returns changes as Dials. Of one moment, the rollover is the later.
func NewDials(changes []Change) Dials {
	d := Dials(slices.Clone(changes))
	slices.SortStableFunc(d, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Kind/Rollover, b.Kind/Rollover))
	})
	var offset Total
	for i := range d {
		offset = offset.plus(d[i].Old.Total()).minus(d[i].New.Total())
		d[i].offset = offset
	}
	return d
}

// Equal reports whether two lists say the same. Those of which neither was replaced are not
// compared one by one.
func (d Dials) Equal(other Dials) bool {
	return len(d) == len(other) && (len(d) == 0 || &d[0] == &other[0] || slices.Equal(d, other))
}

// before returns how many changes there are before an instant.
func (d Dials) before(at Instant) int {
	return sort.Search(len(d), func(i int) bool { return d[i].At >= at })
}

// Offset returns what is added to a register at a slot to make a total of it.
func (d Dials) Offset(slot Slot) Total {
	if n := d.before(slot.Instant()); n > 0 {
		return d[n-1].offset
	}
	return Total{}
}

// Total returns what had gone through the meter when a reading was taken.
func (d Dials) Total(p Point) Total {
	if len(d) == 0 {
		return p.Register.Total()
	}
	return d.Offset(p.Slot).plus(p.Register.Total())
}

// WithRecorded returns d with a change that was recorded before. If nobody read the old dial, its
// last reading is the one that is known before the change, and if there is none, or the dial
// rolled over since, what was recorded.
func (d Dials) WithRecorded(c Change, last *Point) Dials {
	if c.IsEstimated && last != nil && d.before(last.Slot.Instant()) == d.before(c.At) {
		c.Old = last.Register.plus(c.Estimated)
	}
	return d.With(c)
}

// Reached returns what had gone through the meter at the exchange or reset of an instant.
func (d Dials) Reached(at Instant) Total {
	c, _ := d.Find(at)
	return c.offset.plus(c.New.Total())
}

// Before returns how many changes there are before a reading at a slot.
func (d Dials) Before(slot Slot) int { return d.before(slot.Instant()) }

// TotalOn returns the total of a register on the dial that counts after so many changes.
func (d Dials) TotalOn(changes int, r Register) Total {
	if changes == 0 {
		return r.Total()
	}
	return d[changes-1].offset.plus(r.Total())
}

// Holds reports whether a reading fits between its neighbours, if it has any, by the changes as
// they were recorded, so that none of them has to be derived anew.
func (d Dials) Holds(p Point, before, after *Point) bool {
	total := d.Total(p)
	if before != nil && d.Total(*before).Cmp(total) > 0 || after != nil && d.Total(*after).Cmp(total) < 0 {
		return false
	}
	n := d.before(p.Slot.Instant())
	if n > 0 && p.Register.Cmp(d[n-1].New) < 0 {
		return false
	}
	if n == len(d) || after != nil && d[n].At >= after.Slot.Instant() {
		return true
	}
	last := p.Register
	if d[n].IsEstimated {
		last = last.plus(d[n].Estimated)
	}
	return last.Cmp(d[n].Old) <= 0
}

// Used returns the energy between two readings.
func (d Dials) Used(from, to Point) Energy { return d.Total(to).Sub(d.Total(from)) }

// Serial returns the serial number of the meter that a reading at a slot is of; empty if it
// is not known.
func (d Dials) Serial(slot Slot) string { return d.SerialUpTo(slot.Instant()) }

// SerialUpTo is Serial for the dial that counts up to an instant.
func (d Dials) SerialUpTo(at Instant) string {
	for n := d.before(at); n > 0; n-- {
		if c := &d[n-1]; c.Kind == Exchange || c.Serial != "" {
			return c.Serial
		}
	}
	return ""
}

// Between returns the changes that lie between a reading at one slot and one at a later slot:
// all that the energy between the two depends on.
func (d Dials) Between(from, to Slot) Dials {
	first, end := d.before(from.Instant()), d.before(to.Instant())
	if first >= end {
		return nil
	}
	return NewDials(d[first:end])
}

// ProvenBy returns those of a meter's changes that need no reading before the first and none after
// the last of some, nil if there are none: a dial that nobody read ended with the reading before,
// and that it rolled over follows from the readings on both sides. Of changes before one that is
// left out at the beginning, the energy is not known either.
func (d Dials) ProvenBy(first, last *Point) Dials {
	begin, end := 0, len(d)
	for n := range d {
		if leads := first == nil || d[n].At < first.Slot.Instant(); leads && (d[n].IsEstimated || n == begin && d[n].isDerived()) {
			begin = n + 1
		}
	}
	for end > begin && d[end-1].isDerived() && (last == nil || d[end-1].At >= last.Slot.Instant()) {
		end--
	}
	return NewDials(d[begin:end])
}

// RollsOverAt returns the register at which the dial of an instant rolls over; 0 if it does not.
func (d Dials) RollsOverAt(at Instant, limits Limits) Register {
	for i := d.before(at); i < len(d); i++ {
		if !d[i].isDerived() {
			return d[i].Modulus
		}
	}
	return limits.RollsOverAt
}

// Find returns the exchange or reset of an instant.
func (d Dials) Find(at Instant) (Change, bool) {
	for i := d.before(at); i < len(d) && d[i].At == at; i++ {
		if !d[i].isDerived() {
			return d[i], true
		}
	}
	return Change{}, false
}

// With returns d with another change.
func (d Dials) With(c Change) Dials { return NewDials(append(slices.Clip(d), c)) }

// Without returns d without the exchange or reset of an instant.
func (d Dials) Without(at Instant) Dials {
	return NewDials(slices.DeleteFunc(slices.Clone(d), func(c Change) bool { return c.At == at && !c.isDerived() }))
}
