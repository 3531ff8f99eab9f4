package vee

import (
	"fmt"

	"meterledger/internal/meter"
)

// highHalves is how many half hours there are in the hour of a kWh: at most max_kw ÷ 2 goes through a
// meter in each.
const highHalves = 2

// high finds readings between which more went through the meter than its max_kw lets through:
// of half hours that are missing between them, one at least did so.
func (d *Day) high(found []Exception) []Exception {
	most := d.Limits.MaxKW
	if most == (meter.Power{}) {
		most = meter.MaxKWDefault
	}
	hourly := meter.Register(most).Total().Since(meter.Total{})
	for s := range d.steps {
		long := s.to - s.from
		if s.used.Times(highHalves).Cmp(hourly.Times(uint64(long))) <= 0 {
			continue
		}
		limit := hourly.Energy().Mul(hours(long))
		found = append(found, Exception{
			Rule: meter.RuleHigh, From: s.from, To: s.to, Value: s.used.Energy().Decimal, Threshold: limit,
			Why: fmt.Sprintf("%v kWh in %s are more than the %v kWh that %v kW make.", s.used.Energy(), lengthOf(long), limit, hourly.Energy()),
		})
	}
	return found
}

// lengthOf words the length of some half hours.
func lengthOf(slots meter.Slot) string {
	if slots == 1 {
		return "half an hour"
	}
	return hours(slots).String() + " hours"
}
