// Package meter is the language of the system: meters and their accounts,
// register readings in exact kWh, the half-hour grid they lie on, the days
// and months that people ask for, the rows that readings are written in, and the
// kinds of error a caller can be told.
//
// It imports nothing else of this module. Every other package meets the rest
// through these types, so a register value is never a bare number and an
// instant on the grid is never a bare integer.
//
// A reading is what the dial of a meter shows: the energy in kWh that has gone
// through it since it was made. Consumption is always the difference of two
// registers, never a sum over intervals; so nothing drifts, and days add up to
// months by construction.
package meter

import "time"

// Reading is what a meter's register showed at a point on the half-hour grid.
type Reading struct {
	Meter    ID
	Slot     Slot
	Register Register
}

// ParseReading checks the reading parameter of a request.
func ParseReading[T ~string | ~[]byte](field string, s T) (Register, error) {
	k, err := ParseRegister(s)
	if err != nil {
		return Register{}, Invalid(CodeInvalidReading, field, "%v", err)
	}
	return k, nil
}

// Point is a register on the grid, of a meter that is known from the context.
type Point struct {
	Slot     Slot
	Register Register
}

// FutureMax is how far a meter's clock may be ahead.
const FutureMax = 5 * time.Minute

// BySlot compares a point's slot, for a search among points in order of time.
func BySlot(p Point, slot Slot) int { return int(int64(p.Slot) - int64(slot)) }
