package vee

import (
	"fmt"

	"github.com/shopspring/decimal"

	"meterledger/internal/meter"
)

const (
	// spikeRatio is how many times the day's third-highest half hour its highest may be.
	spikeRatio = 3
	// spikeNano is what a half hour must have used, in 10^-9 kWh, so that a kettle is no spike: 2 kWh.
	spikeNano = 2_000_000_000
)

// spike compares the day's highest half hour with its third-highest. Only half hours between
// two readings count.
func (d *Day) spike(found []Exception) []Exception {
	var highest [3]meter.Amount
	var at meter.Slot
	halves := 0
	for s := range d.steps {
		if s.to-s.from != 1 {
			continue
		}
		halves++
		used := s.used
		switch {
		case halves == 1 || used.Cmp(highest[0]) > 0:
			highest, at = [...]meter.Amount{used, highest[0], highest[1]}, s.from
		case used.Cmp(highest[1]) > 0:
			highest[1], highest[2] = used, highest[1]
		case used.Cmp(highest[2]) > 0:
			highest[2] = used
		}
	}
	if halves < len(highest) || highest[0].Cmp(meter.AmountFromParts(0, spikeNano)) <= 0 || highest[0].Cmp(highest[2].Times(spikeRatio)) <= 0 {
		return found
	}
	limit := highest[2].Energy().Mul(decimal.NewFromInt(spikeRatio))
	return append(found, Exception{
		Rule: meter.RuleSpike, From: at, To: at + 1, Value: highest[0].Energy().Decimal, Threshold: limit,
		Why: fmt.Sprintf("%v kWh in half an hour are more than %d times the day's third-highest half hour of %v kWh.", highest[0].Energy(), spikeRatio, highest[2].Energy()),
	})
}
