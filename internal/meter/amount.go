package meter

import "math/bits"

// Amount is an energy to reckon with, over many meters: a number of 10^-9 kWh, exact, which
// takes no memory of its own. Energy is the same to be told.
type Amount Total

// Since returns what went through the meter between two totals.
func (t Total) Since(earlier Total) Amount { return Amount(t.minus(earlier)) }

// AmountFromParts is the inverse of Parts.
func AmountFromParts(high, low uint64) Amount { return Amount{high, low} }

// Parts returns the halves of the number.
func (a Amount) Parts() (high, low uint64) { return a.high, a.low }

// Plus returns a and b together.
func (a Amount) Plus(b Amount) Amount { return Amount(Total(a).plus(Total(b))) }

// Times returns n times a. The product of any two readings' distance and a million fits.
func (a Amount) Times(n uint64) Amount {
	high, low := bits.Mul64(a.low, n)
	return Amount{high + a.high*n, low}
}

// Cmp returns -1, 0 or 1 as a is less than, equal to or greater than b.
func (a Amount) Cmp(b Amount) int { return Total(a).Cmp(Total(b)) }

// Energy returns a in kWh.
func (a Amount) Energy() Energy { return Total(a).Sub(Total{}) }
