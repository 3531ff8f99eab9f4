package meter

import (
	"slices"
	"strings"
)

// Rule is a rule that readings of a meter may break: what breaks it is an exception, at which a
// person looks. They are taken all the same, but for those of RuleDecreasing.
type Rule uint8

// The rules.
const (
	RuleHigh       Rule = iota + 1 // more in a half hour than can go through the meter
	RuleSpike                      // one half hour far above the day's others
	RuleZeroRun                    // no advance for two weeks where there was some before
	RuleHighLow                    // a day far from its like weekdays
	RuleMissing                    // no reading for two hours
	RuleProlonged                  // none for a week: all that is known of it is estimated
	RuleDecreasing                 // readings that were refused because registers rise with time
	ruleEnd
)

var ruleNames = [ruleEnd]string{
	RuleHigh: "HIGH", RuleSpike: "SPIKE", RuleZeroRun: "ZERO_RUN", RuleHighLow: "HIGH_LOW", RuleMissing: "MISSING", RuleProlonged: "PROLONGED", RuleDecreasing: "DECREASING",
}

// ExceptionRules returns all rules in order.
func ExceptionRules() []Rule {
	return []Rule{RuleHigh, RuleSpike, RuleZeroRun, RuleHighLow, RuleMissing, RuleProlonged, RuleDecreasing}
}

func (r Rule) String() string { return ruleNames[r] }

// ParseRule reads the name of a rule.
func ParseRule(s string) (Rule, bool) {
	place := slices.Index(ruleNames[:], s)
	return Rule(max(place, 0)), place > 0
}

// UnmarshalText reads the name of a rule.
func (r *Rule) UnmarshalText(text []byte) error {
	var ok bool
	if *r, ok = ParseRule(string(text)); !ok {
		return oneOfError(ruleNames[1:])
	}
	return nil
}

// Ruling is a person's verdict on an exception.
type Ruling uint8

// The rulings. An exception without one is open.
const (
	AsItIs   Ruling = iota + 1 // accepted: it is as it should be, or cannot be mended
	PutRight                   // corrected: something was wrong, and was mended
	rulingsEnd
)

var rulingNames = [rulingsEnd]string{AsItIs: "accepted", PutRight: "corrected"}

func (r Ruling) String() string { return rulingNames[r] }

// IsValid reports whether r is one of the rulings.
func (r Ruling) IsValid() bool { return r > 0 && r < rulingsEnd }

// IsValid reports whether r is one of the rules.
func (r Rule) IsValid() bool { return r > 0 && r < ruleEnd }

// UnmarshalText reads the name of a ruling.
func (r *Ruling) UnmarshalText(text []byte) error {
	place := slices.Index(rulingNames[:], string(text))
	if place <= 0 {
		return oneOfError(rulingNames[1:])
	}
	*r = Ruling(place)
	return nil
}

type oneOfError []string

func (e oneOfError) Error() string { return "must be one of " + strings.Join(e, ", ") }
