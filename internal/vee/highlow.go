package vee

import (
	"fmt"

	"github.com/shopspring/decimal"

	"meterledger/internal/meter"
)

const (
	likeDays   = 4 // of the same weekday make the mean
	weekDays   = 7
	lowDivisor = 5 // less than 0.2 of the mean is low
	highFactor = 5 // more than 5 times the mean is high
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
	isLow := total.Used.Times(likeDays*lowDivisor).Cmp(sum) < 0
	if !isLow && total.Used.Times(likeDays).Cmp(sum.Times(highFactor)) <= 0 {
		return found
	}
	value, mean := total.Used.Energy(), sum.Energy().Mul(decimal.New(25, -2)) // a fourth
	words, limit := "more than 5 times", mean.Mul(decimal.NewFromInt(highFactor))
	if isLow {
		words, limit = "less than 0.2 of", mean.Mul(decimal.New(2, -1))
	}
	return append(found, Exception{
		Rule: meter.RuleHighLow, From: d.Window.From, To: d.Window.To, Value: value.Decimal, Threshold: limit,
		Why: fmt.Sprintf("%v kWh in a day are %s %v kWh, the mean of the last %d days of its weekday.", value, words, mean, likeDays),
	})
}
