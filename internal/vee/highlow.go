package vee

import (
	"fmt"

	"github.com/shopspring/decimal"

	"meterledger/internal/meter"
)

const (
	likeDays    = 4 // of the same weekday make the mean
	weekDays    = 7
	lowDivisor  = 5 // less than 0.2 of the mean is low
	highQuotium = 5 // more than 5 times the mean is high
)

// highLow compares a day with the mean of the last four of its weekday. Only whole days are
// compared: of the others nobody knows where their energy belongs.
func (d *Day) highLow(total Total, found []Exception) []Exception {
	var sum meter.Amount
	count := uint64(0)
	for back := weekDays; back <= PastDays && count < likeDays; back += weekDays {
		if like := d.Past[back-1]; like.IsWhole {
			sum = sum.Plus(like.Used)
			count++
		}
	}
	if !total.IsWhole || count < likeDays {
		return found
	}
	mean := sum.Energy().Mul(decimal.New(25, -2))
	e := Exception{Rule: meter.RuleHighLow, From: d.Window.From, To: d.Window.To, Value: total.Used.Energy().Decimal}
	switch {
	case total.Used.Times(lowDivisor*likeDays).Cmp(sum) < 0:
		e.Threshold = mean.Mul(decimal.New(2, -1))
		e.Why = fmt.Sprintf("%v kWh in a day are less than 0.2 of %v kWh, the mean of the last %d such weekdays.", e.Value, mean, likeDays)
	case total.Used.Times(likeDays).Cmp(sum.Times(highQuotium)) > 0:
		e.Threshold = mean.Mul(decimal.NewFromInt(highQuotium))
		e.Why = fmt.Sprintf("%v kWh in a day are more than %d times %v kWh, the mean of the last %d such weekdays.", e.Value, highQuotium, mean, likeDays)
	default:
		return found
	}
	return append(found, e)
}
