package vee

import (
	"fmt"

	"github.com/shopspring/decimal"

	"meterledger/internal/meter"
)

const (
	zeroDays       = 14 // for so long the register stood still
	zeroBeforeDays = 28 // and in so many days before that it did not
)

// zeroRun finds a register that stands still, as that of a meter that is broken or bypassed
// does. The day must have a reading: of a silent meter nobody knows. The exception begins
// where the register last moved, so it is the same on each day of the run.
func (d *Day) zeroRun(total Total, found []Exception) []Exception {
	if len(d.Points) == 0 || !stands(total) {
		return found
	}
	run, moved := 1, false
	for run < zeroDays && stands(d.Past[run-1]) {
		run++
	}
	if run < zeroDays {
		return found
	}
	for run <= PastDays && stands(d.Past[run-1]) {
		run++
	}
	for _, before := range d.Past[zeroDays-1:] {
		moved = moved || before.IsKnown && before.Used != (meter.Amount{})
	}
	if !moved {
		return found
	}
	return append(found, Exception{
		Rule: meter.RuleZeroRun, From: d.Past[run-2].From, To: d.Window.To, Value: decimal.NewFromInt(int64(run)), Threshold: decimal.NewFromInt(zeroDays),
		Why: fmt.Sprintf("The register has not moved for %d days, and it did in the %d days before the last %d.", run, zeroBeforeDays, zeroDays),
	})
}

func stands(t Total) bool { return t.IsKnown && t.Used == (meter.Amount{}) }
