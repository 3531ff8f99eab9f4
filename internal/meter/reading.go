package meter

import "time"

// Reading is what a meter's register showed at a point on the half-hour grid.
type Reading struct {
	Meter    ID
	Slot     Slot
	Register KWh
}

// ParseReading checks the reading parameter of a request.
func ParseReading[T ~string | ~[]byte](field string, s T) (KWh, error) {
	k, err := ParseKWh(s)
	if err != nil {
		return KWh{}, Invalid(CodeInvalidReading, field, "%v", err)
	}
	return k, nil
}

// Point is a register on the grid, its meter being known from where it stands.
type Point struct {
	Slot     Slot
	Register KWh
}

// FutureMax is how far a meter's clock may be ahead.
const FutureMax = 5 * time.Minute

// BySlot compares a point's slot, for a search among points in order of time.
func BySlot(p Point, slot Slot) int { return int(int64(p.Slot) - int64(slot)) }
