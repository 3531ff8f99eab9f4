// Package billing turns the registers of closed months into bills. It is pure: what
// goes in decides what comes out. What it has decided is written down when a month is
// closed, and not worked out again.
//
// A bill opens with the register that closed the one before it, whether or not the
// readings between them came, so that consecutive bills always add up to the
// register's advance over all dials. The first bill of a meter opens with its first reading. It
// closes with the register of the month's end, or with the last that is known.
//
// A month that is closed again with late or corrected readings revises its bill. So does any
// closing once another register of the month's end is known, or another change of dials
// between its registers. The bill after it is revised too if it now opens with another
// register. A bill keeps what it said before.
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
	Changes    meter.Dials // of dials between the two, as they were known
	Serial     string      // of the meter at the start; empty if it is not known
	Readings   int         // within the month's window
	Expected   int         // grid points of the month's window
	IsUnknown  bool        // one register is known and no earlier bill, so nothing can be said of what was used
}

// Consumption is the energy that the bill is for.
func (f Figures) Consumption() meter.Energy { return f.Changes.Used(f.Start, f.End) }

// Line is the part of a bill that one dial counted.
type Line struct {
	Serial     string // of its meter; empty if it is not known
	Start, End Reading
	Energy     meter.Energy
}

// Reading is what a dial showed at an instant.
type Reading struct {
	At       meter.Instant
	Register meter.Register
}

// Lines returns a line for each dial. Where a dial rolled over no line begins, since it goes on.
// Their energies add up to the consumption exactly.
func (f Figures) Lines() (lines []Line) {
	line := Line{Serial: f.Serial, Start: Reading{f.Start.Slot.Instant(), f.Start.Register}}
	total := f.Changes.Total(f.Start)
	end := func(r Reading, at meter.Total) {
		line.End, line.Energy = r, at.Sub(total)
		lines, total = append(lines, line), at
	}
	for n, c := range f.Changes {
		if c.Kind == meter.Rollover {
			continue
		}
		end(Reading{c.At, c.Old}, f.Changes.TotalOn(n, c.Old))
		line.Start = Reading{c.At, c.New}
		if c.Kind == meter.Exchange || c.Serial != "" {
			line.Serial = c.Serial
		}
	}
	end(Reading{f.End.Slot.Instant(), f.End.Register}, f.Changes.Total(f.End))
	return lines
}

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
