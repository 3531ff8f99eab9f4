// Package billing turns the registers of closed months into bills. It is pure: what
// goes in decides what comes out. What it has decided is written down when a month is
// closed, and not worked out again.
//
// A bill opens with the register that closed the one before it, whether or not the
// readings between them came, so that consecutive bills always add up to the
// register's advance. The first bill of a meter opens with its first reading. It closes
// with the register of the month's end, or with the last that is known.
//
// A month that is closed again with late readings revises its bill. So does any closing
// once the register of the month's end is known. The bill after it is revised too if it
// now opens with another register. A bill keeps what it said before.
package billing

import (
	"time"

	"meterledger/internal/meter"
)

// Opening returns the register that a month's bill opens with: that which closed the
// bill before it, if there was one, else the first of the month.
func Opening(closed meter.Point, billed bool, first meter.Point) meter.Point {
	if billed {
		return closed
	}
	return first
}

// Figures are what a bill says.
type Figures struct {
	Start, End meter.Point
	Readings   int  // within the month's window
	Expected   int  // grid points of the month's window
	IsUnknown  bool // one register is known and no earlier bill, so nothing can be said of what was used
}

// Consumption is the energy that the bill is for.
func (f Figures) Consumption() meter.Energy { return f.End.Register.Sub(f.Start.Register) }

// Complete reports whether the meter sent every reading of the month.
func (f Figures) Complete() bool { return f.Readings == f.Expected }

// Bill is what a household used in one closed month.
type Bill struct {
	Month meter.Month
	Figures
	Revision  int       // 1 when it is first made, one more whenever its figures change
	RevisedAt time.Time // of the last change; zero while there was none
	Previous  *Figures  // what it said before that; nil while there was none
}
