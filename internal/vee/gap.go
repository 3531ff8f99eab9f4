package vee

import (
	"fmt"

	"meterledger/internal/meter"
)

const (
	// missingSlots is how long there is no reading for a gap to be told: two hours.
	missingSlots = 4
	// prolongedSlots is how long all may be estimated: a week of hours, whatever clocks do in it.
	prolongedSlots = 7 * meter.SlotsPerDay
)

// missing finds the gaps that the day has a part of. One that goes on is told up to the day's
// end, and on the days after with the same beginning.
func (d *Day) missing(found []Exception) []Exception {
	for from, to := range d.gaps {
		if long := to - from; long >= missingSlots {
			found = append(found, gap(meter.RuleMissing, from, to, missingSlots, fmt.Sprintf("No reading for %v hours.", hours(long))))
		}
	}
	return found
}

// prolonged finds gaps of more than a week: what is told of them is estimated.
func (d *Day) prolonged(found []Exception) []Exception {
	for from, to := range d.gaps {
		if long := to - from; long > prolongedSlots {
			found = append(found, gap(meter.RuleProlonged, from, to, prolongedSlots, fmt.Sprintf(
				"No reading for %v hours, which is more than %d days.", hours(long), prolongedSlots/meter.SlotsPerDay)))
		}
	}
	return found
}

func gap(rule meter.Rule, from, to, limit meter.Slot, why string) Exception {
	return Exception{Rule: rule, From: from, To: to, Value: hours(to - from), Threshold: hours(limit), Why: why}
}

// gaps yields the stretches between neighbouring readings up to the day's end. Of a meter that
// has never sent anything the first begins with its registration.
func (d *Day) gaps(yield func(from, to meter.Slot) bool) {
	at := d.Known
	if d.Before != nil {
		at = d.Before.Slot
	}
	for i := range d.Points {
		next := d.Points[i].Slot
		if at < next && next > d.Window.From && !yield(at, next) {
			return
		}
		at = next
	}
	if at < d.Window.To {
		yield(at, d.Window.To)
	}
}
