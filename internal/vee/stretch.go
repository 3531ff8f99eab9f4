package vee

import (
	"github.com/shopspring/decimal"

	"meterledger/internal/meter"
)

// decimalsMin is how many digits after the point an estimated register may always have: a
// watt hour, which is what most meters show.
const decimalsMin = 3

// stretch is a span of time of one dial, between whose ends no register is known.
type stretch struct {
	from, to *end           // to is nil after the last known register
	modulus  meter.Register // at which the dial rolls over between the two, or 0
	curve    *curve         // nil on a straight line

	rise decimal.Decimal // in kWh: within the stretch, or, if it is open, in the span before it
	span meter.Instant   // in seconds; 0 if nothing is known of it
}

// end is a register that is known of an instant.
type end struct {
	at       meter.Instant
	register meter.Register
	changes  int // of dials before it
}

// narrow moves the ends of a stretch to the changes next to an instant, whose registers are
// known too, and looks where the dial rolls over between the ends.
func (s *stretch) narrow(dials meter.Dials, at meter.Instant) {
	for i := range dials {
		switch c := &dials[i]; {
		case c.Kind == meter.Rollover:
		case c.At < at && (s.from == nil || c.At >= s.from.at):
			s.from = &end{c.At, c.New, i + 1}
		case c.At >= at && (s.to == nil || c.At < s.to.at):
			s.to = &end{c.At, c.Old, i}
		}
	}
	if s.from != nil && s.to != nil && s.from.changes < s.to.changes {
		s.modulus = dials[s.from.changes].Old
	}
}

func (s *stretch) holds(slot meter.Slot) bool {
	at := slot.Instant()
	return at > s.from.at && (s.to == nil || at <= s.to.at)
}

// at returns the register at a slot of the stretch, and false if nothing is known of it.
func (s *stretch) at(slot meter.Slot) (k Known, ok bool) {
	switch at := slot.Instant(); {
	case s.to == nil:
		return s.ahead(slot)
	case s.curve == nil:
		passed, all := decimal.NewFromInt(int64(at-s.from.at)), decimal.NewFromInt(int64(s.to.at-s.from.at))
		return s.show(slot, s.rise.Mul(passed), all, Linear)
	default:
		return s.show(slot, s.rise.Mul(s.curve.until(at)), s.curve.until(s.to.at), LikeDay)
	}
}

// ahead returns the register at a slot after the last known one: like days go on as far as
// they are known, and from there on the mean day.
func (s *stretch) ahead(slot meter.Slot) (k Known, ok bool) {
	at, unit := slot.Instant(), decimal.NewFromInt(weightUnit)
	if s.curve.reach(at) {
		return s.show(slot, s.curve.until(at), unit, LikeDayAhead)
	}
	if s.span == 0 {
		return k, false
	}
	likeEnd := s.curve.end
	span, rest := decimal.NewFromInt(int64(s.span)), decimal.NewFromInt(int64(at-likeEnd))
	used := s.curve.until(likeEnd).Mul(span).Add(s.rise.Mul(rest).Mul(unit))
	return s.show(slot, used, unit.Mul(span), MeanDayAhead)
}

// show returns the register that the dial shows when a fraction of kWh was used since the
// stretch began, and false if that is outside the limits of a register.
func (s *stretch) show(slot meter.Slot, numerator, denominator decimal.Decimal, source Source) (k Known, ok bool) {
	decimals := s.decimals()
	used, _ := numerator.QuoRem(denominator, decimals)
	exact, changes := s.from.register.Decimal().Add(used), s.from.changes
	if s.modulus != (meter.Register{}) && exact.GreaterThanOrEqual(s.modulus.Decimal()) {
		exact, changes = exact.Sub(s.modulus.Decimal()), changes+1
	}
	for ; decimals >= 0; decimals-- {
		// Fewer decimals than the earlier register has remain only if the integer part is
		// longer: the rounded register is not below that one.
		if register, err := meter.ParseRegister(exact.Truncate(decimals).String()); err == nil {
			return Known{meter.Point{Slot: slot, Register: register}, changes, source}, true
		}
	}
	return k, false
}

// decimals returns how many digits after the point the meter shows.
func (s *stretch) decimals() int32 {
	known := []meter.Register{s.from.register, s.modulus}
	if s.to != nil {
		known = append(known, s.to.register)
	}
	most := uint8(decimalsMin)
	for _, k := range known {
		_, scale := k.Parts()
		most = max(most, scale)
	}
	return int32(most)
}
