package meter

import "github.com/shopspring/decimal"

// interpolatedDecimals is how many digits after the point an interpolated register
// may always have: a watt hour, which is what most meters show.
const interpolatedDecimals = 3

// Interpolate returns the register at a slot on the straight line from one reading to a later
// one, between which the slot lies, and how many changes are before it. The line has a corner
// at each exchange between them, of which both registers are known; where it passes the end of
// the dial, the dial rolls over.
//
// The register is rounded down to as many decimals as those around it have, at least 3, and
// fewer only if the limit of 18 digits requires it. So it is one that a meter could have sent,
// never past a neighbour, and never less than that of an earlier slot on the same line.
func (d Dials) Interpolate(from, to Point, at Slot) (register Register, before int) {
	left, right := Knot{At: from.Slot.Instant(), Register: from.Register}, Knot{At: to.Slot.Instant(), Register: to.Register}
	before, end := d.before(left.At), d.before(right.At)
	for i := before; i < end; i++ {
		switch c := &d[i]; {
		case c.isDerived():
		case c.At < at.Instant():
			left, before = Knot{At: c.At, Register: c.New}, i+1
		default:
			right, end = Knot{At: c.At, Register: c.Old}, i
		}
	}
	decimals := int32(max(left.Register.scale, right.Register.scale, interpolatedDecimals))
	for i := before; i < end; i++ {
		decimals = max(decimals, int32(d[i].Old.scale))
	}
	rise := d.TotalOn(end, right.Register).Sub(d.TotalOn(before, left.Register)).Mul(decimal.NewFromInt(int64(at.Instant() - left.At)))
	part, _ := rise.QuoRem(decimal.NewFromInt(int64(right.At-left.At)), decimals)
	exact := left.Register.Decimal().Add(part)
	for ; before < end && exact.GreaterThanOrEqual(d[before].Old.Decimal()); before++ {
		exact = exact.Sub(d[before].Old.Decimal())
	}
	for ; decimals >= 0; decimals-- {
		// Fewer decimals than the earlier register has remain only if the integer part is
		// longer: the rounded register is not below that.
		if register, err := ParseRegister(exact.Truncate(decimals).String()); err == nil {
			return register, before
		}
	}
	panic("BUG: a register between two others is outside the limits")
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

// Serial returns the serial number of the meter that a reading at a slot is of; empty if it
// is not known.
func (d Dials) Serial(slot Slot) string {
	for n := d.Before(slot); n > 0; n-- {
		if c := &d[n-1]; c.Kind == Exchange || c.Serial != "" {
			return c.Serial
		}
	}
	return ""
}

// Interpolate is that of Dials for a meter that has had one dial.
func Interpolate(from, to Point, at Slot) Register {
	register, _ := Dials(nil).Interpolate(from, to, at)
	return register
}
