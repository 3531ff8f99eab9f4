// Package billing turns the registers of closed months into bills. It is pure:
// what goes in decides what comes out.
//
// A bill opens where the one before it closed, however the readings between them
// came or failed to come, so that consecutive bills always add up to the
// register's advance. The first bill of a meter opens with its first reading.
package billing

import "meterledger/internal/meter"

// Closed is what is known of one meter's closed month.
type Closed struct {
	Month       meter.Month
	Window      meter.Window // from the month's first register to the first of the next
	Readings    int          // within the window, at least 1
	First, Last meter.Point  // of the window
}

// Bill is what a household used in one closed month.
type Bill struct {
	Month    meter.Month
	Start    meter.Point // where the bill before closed, or the first reading
	End      meter.Point
	Readings int // within the month's window
	Expected int // grid points of the month's window
}

// Consumption is the energy that the bill is for.
func (b Bill) Consumption() meter.Energy { return b.End.Register.Sub(b.Start.Register) }

// Complete reports whether the meter sent every reading of the month.
func (b Bill) Complete() bool { return b.Readings == b.Expected }

// For returns the bill of a month, given a meter's closed months in order of time,
// and false where the meter has no readings in it.
func For(month meter.Month, closed []Closed) (Bill, bool) {
	for i, c := range closed {
		if c.Month != month {
			continue
		}
		bill := Bill{Month: month, Start: c.First, End: c.Last, Readings: c.Readings, Expected: c.Window.Points()}
		if i > 0 {
			bill.Start = closed[i-1].Last
		}
		return bill, true
	}
	return Bill{}, false
}
