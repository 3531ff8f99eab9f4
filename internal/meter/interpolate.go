package meter

import "github.com/shopspring/decimal"

// interpolatedDecimals is how many digits after the point an interpolated register
// may always have: a watt hour, which is what most meters show.
const interpolatedDecimals = 3

// Interpolate returns the register at a slot on the straight line from one reading
// to a later one, between which the slot lies. It is rounded down to as many
// decimals as the two readings have, at least 3, and fewer only where the limit of
// 18 digits asks for it. So it is a register that a meter could have sent, never
// past a neighbour, and never less than that of an earlier slot on the same line.
func Interpolate(from, to Point, at Slot) KWh {
	decimals := int32(max(from.Register.scale, to.Register.scale, interpolatedDecimals))
	rise := to.Register.Sub(from.Register).Mul(decimal.NewFromInt(int64(at) - int64(from.Slot)))
	part, _ := rise.QuoRem(decimal.NewFromInt(int64(to.Slot)-int64(from.Slot)), decimals)
	exact := from.Register.Decimal().Add(part)
	for ; decimals >= 0; decimals-- {
		// Fewer decimals than the earlier reading has are only left where the number
		// before the point is longer: what is rounded down to is not below that reading.
		if register, err := ParseKWh(exact.Truncate(decimals).String()); err == nil {
			return register
		}
	}
	panic("BUG: a register between two others is outside the limits")
}
