// Package billing turns the registers of closed months into bills. It is pure:
// what goes in decides what comes out.
//
// A bill opens where the one before it closed, however the readings between them
// came or failed to come, so that consecutive bills always add up to the
// register's advance. The first bill of a meter opens with its first reading.
//
// A month that is closed again with late readings revises its bill, and the one
// after it where that opens elsewhere from then on. A bill tells what it said before.
package billing

import (
	"cmp"
	"slices"
	"time"

	"meterledger/internal/meter"
)

// Closed is what is known of one meter's closed month.
type Closed struct {
	Month    meter.Month
	Window   meter.Window // from the month's first register to the first of the next
	Versions []Version    // in the order of their closings; at least one
}

// Version is the month's registers as one closing found them.
type Version struct {
	Closing     Closing
	Readings    int         // within the window; 0 where there were none yet
	First, Last meter.Point // of the window
}

// Closing is when a month was closed, or closed again.
type Closing struct {
	Number uint32 // counted over all months, from 1
	At     time.Time
}

// Figures are what a bill says.
type Figures struct {
	Start    meter.Point // where the bill before closed, or the first reading
	End      meter.Point
	Readings int // within the month's window
	Expected int // grid points of the month's window
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

// For returns the bill of a month, given a meter's closed months in order of time,
// and false where the meter has no readings in it.
func For(month meter.Month, closed []Closed) (Bill, bool) {
	bill := Bill{Month: month}
	for _, closing := range closings(month, closed) {
		figures, ok := figuresAfter(closing, month, closed)
		switch {
		case !ok || bill.Revision > 0 && figures == bill.Figures:
			continue
		case bill.Revision > 0:
			before := bill.Figures
			bill.Previous, bill.RevisedAt = &before, closing.At
		}
		bill.Figures = figures
		bill.Revision++
	}
	return bill, bill.Revision > 0
}

// closings lists, in their order, those that can have changed a month's bill.
func closings(month meter.Month, closed []Closed) (all []Closing) {
	for _, c := range closed {
		if month.Before(c.Month) {
			break
		}
		for _, v := range c.Versions {
			all = append(all, v.Closing)
		}
	}
	slices.SortFunc(all, func(a, b Closing) int { return cmp.Compare(a.Number, b.Number) })
	return all
}

// figuresAfter returns what a month's bill said after a closing.
func figuresAfter(closing Closing, month meter.Month, closed []Closed) (Figures, bool) {
	var opening *meter.Point
	for _, c := range closed {
		version, ok := c.after(closing)
		switch {
		case !ok:
		case c.Month != month:
			opening = &version.Last
		default:
			f := Figures{Start: version.First, End: version.Last, Readings: version.Readings, Expected: c.Window.Points()}
			if opening != nil {
				f.Start = *opening
			}
			return f, true
		}
	}
	return Figures{}, false
}

// after returns the version that was good after a closing, and false where the
// meter had no readings in it.
func (c Closed) after(closing Closing) (found Version, ok bool) {
	for _, v := range c.Versions {
		if v.Closing.Number <= closing.Number {
			found = v
		}
	}
	return found, found.Readings > 0
}
