package vee

import (
	"fmt"
	"strings"

	"github.com/shopspring/decimal"

	"meterledger/internal/meter"
)

// Refused are readings of a meter that were refused because registers rise with time, as far as
// they are kept.
type Refused struct {
	Count       int         // at least 1
	First, Last meter.Point // in order of time
	HasLost     bool        // there were earlier ones, which are not kept any more
	Below       string      // the recorded reading that all of them are less than, with its time; empty if none is known
}

// NewDecreasing returns the exception of such readings. They tell of one reading too high, or of
// an exchange that nobody has entered.
func NewDecreasing(r Refused) Exception {
	what, was, is := fmt.Sprintf("A reading of %v kWh", r.First.Register), "was", "it is"
	if r.Count > 1 {
		what, was, is = fmt.Sprintf("%d readings, from %v kWh to %v kWh,", r.Count, r.First.Register, r.Last.Register), "were", "they are"
	}
	if r.HasLost {
		what, was, is = strings.TrimSuffix(what, ",")+", and earlier ones that are not kept any more,", "were", "they are"
	}
	because := "registers rise with time"
	if r.Below != "" {
		because = is + " less than " + r.Below
	}
	return Exception{
		Rule: meter.RuleDecreasing, From: r.First.Slot, To: r.Last.Slot, Value: decimal.NewFromInt(int64(r.Count)),
		Why: fmt.Sprintf("%s %s refused because %s.", what, was, because),
	}
}
