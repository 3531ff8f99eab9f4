package vee

import (
	"fmt"

	"github.com/shopspring/decimal"

	"meterledger/internal/meter"
)

// NewDecreasing returns the exception of a meter whose readings were refused because registers
// rise with time: so many that are kept, from the first to the last. Such a run tells of one
// reading too high, or of an exchange that nobody has entered.
func NewDecreasing(first, last meter.Point, count int) Exception {
	why := fmt.Sprintf("%d readings, from %v kWh to %v kWh, were refused because registers rise with time.", count, first.Register.Decimal(), last.Register.Decimal())
	if count == 1 {
		why = fmt.Sprintf("A reading of %v kWh was refused because registers rise with time.", first.Register.Decimal())
	}
	return Exception{Rule: meter.RuleDecreasing, From: first.Slot, To: last.Slot, Value: decimal.NewFromInt(int64(count)), Why: why}
}
