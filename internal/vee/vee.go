// Package vee validates what meters sent ("VEE": validation, estimation, editing). Its rules
// are pure functions of readings that were taken, and of a meter's limits. They flag, and refuse
// nothing: a person looks at what they find. It also estimates registers that are missing, and
// says how well each is known.
//
// The rules and their numbers are those of the regulator's notes on validation; each stands in a
// file of its own. All arithmetic is exact.
package vee

import (
	"github.com/shopspring/decimal"

	"meterledger/internal/meter"
)

// Day is what the rules look at: a meter's day.
type Day struct {
	Window meter.Window
	Points []meter.Point // the meter's readings within it, both ends included
	Before *meter.Point  // the last reading before it, or nil
	// Known is when the meter was registered, which counts if it had not sent anything before.
	Known  meter.Slot
	Dials  meter.Dials
	Limits meter.Limits
	Past   *Past
}

// PastDays is how many days back the rules look.
const PastDays = zeroDays + zeroBeforeDays - 1

// Past is a meter's total of each day before, the day before first.
type Past [PastDays]Total

// Total is what went through a meter in a day.
type Total struct {
	From meter.Slot // of the day
	// Used is the energy between the last reading up to the day's beginning and the last up to its
	// end, so that the totals of days add up. It is known if both are there.
	Used    meter.Amount
	IsKnown bool
	IsWhole bool // there is a reading at the beginning and one at the end
}

// Exception is something that a person should look at.
type Exception struct {
	Rule meter.Rule
	// From and To are when it happened. A meter's exceptions of one rule differ in From.
	From, To meter.Slot
	// Value is what was found, Threshold what it was compared with, in the rule's Unit.
	Value, Threshold decimal.Decimal
	Why              string // one sentence
}

// Unit returns the unit in which exceptions of a rule are told.
func Unit(r meter.Rule) string {
	switch r {
	case meter.RuleZeroRun:
		return "days"
	case meter.RuleMissing, meter.RuleProlonged:
		return "hours"
	case meter.RuleDecreasing:
		return "readings"
	default:
		return "kWh"
	}
}

// Total returns the day's total.
func (d *Day) Total() Total {
	t := Total{From: d.Window.From}
	first, last := d.Before, d.Before
	if len(d.Points) > 0 {
		last = &d.Points[len(d.Points)-1]
		if first == nil || d.Points[0].Slot == d.Window.From {
			first = &d.Points[0]
		}
	}
	if first == nil || first.Slot > d.Window.From {
		return t
	}
	t.Used, t.IsKnown = d.used(*first, *last), true
	t.IsWhole = first.Slot == d.Window.From && last.Slot == d.Window.To
	return t
}

// used returns the energy between two readings.
func (d *Day) used(from, to meter.Point) meter.Amount {
	return d.Dials.Total(to).Since(d.Dials.Total(from))
}

// Check adds the day's exceptions to found, in the order of the rules and, of each, of time.
// Decreasing is not among them: it is about what was refused.
func (d *Day) Check(total Total, found []Exception) []Exception {
	found = d.high(found)
	found = d.spike(found)
	found = d.zeroRun(total, found)
	found = d.highLow(total, found)
	found = d.missing(found)
	return d.prolonged(found)
}

// step is what lies between two neighbouring readings.
type step struct {
	from, to meter.Slot
	used     meter.Amount
}

// steps yields the steps that end in the day, the first from the last reading before the day
// on.
func (d *Day) steps(yield func(step) bool) {
	before, points := d.Before, d.Points
	if len(points) > 0 && (before == nil || points[0].Slot == d.Window.From) {
		before, points = &points[0], points[1:]
	}
	if before == nil {
		return
	}
	s := step{to: before.Slot}
	for total, i := d.Dials.Total(*before), 0; i < len(points); i++ {
		next := d.Dials.Total(points[i])
		s = step{s.to, points[i].Slot, next.Since(total)}
		if total = next; !yield(s) {
			return
		}
	}
}

// hours is how long so many half hours are.
func hours(slots meter.Slot) decimal.Decimal { return decimal.New(int64(slots)*5, -1) }
