package vee

import (
	"slices"

	"meterledger/internal/meter"
)

// Known is a register at a slot and how it is known.
type Known struct {
	meter.Point
	Changes int // of dials before it
	Source  Source
}

// Read returns a reading of a meter as a known register.
func Read(p meter.Point, dials meter.Dials) Known { return Known{p, dials.Before(p.Slot), Received} }

// Unknown returns what is known at a slot without a register.
func Unknown(slot meter.Slot, dials meter.Dials) Known {
	return Known{Point: meter.Point{Slot: slot}, Changes: dials.Before(slot)}
}

// Source says how a register is known. Of two that are known, the later one of this list is
// less certain.
type Source uint8

// The sources of a register.
const (
	Missing      Source = iota // it is not known
	Received                   // the meter sent it
	Edited                     // a person stated it
	Linear                     // it lies on the straight line between two known ones
	LikeDay                    // it lies between two known ones, by the shape of like days
	LikeDayAhead               // it follows the last known one as like days went on
	MeanDayAhead               // it follows the last known one by the mean use before that
)

// Sources is how many there are.
const Sources = int(MeanDayAhead) + 1

// IsRead reports whether the register is that of a reading.
func (s Source) IsRead() bool { return s == Received || s == Edited }

// IsEstimated reports whether the register was made from others.
func (s Source) IsEstimated() bool { return s >= Linear }

// The words of answers, in the order of the sources.
var (
	qualities = [Sources]Quality{Missing: "", Received: "ACTUAL", Edited: "SUBSTITUTE", Linear: "SUBSTITUTE", LikeDay: "SUBSTITUTE", LikeDayAhead: "ESTIMATE", MeanDayAhead: "ESTIMATE"}
	methods   = [Sources]Method{Edited: "edited", Linear: "linear", LikeDay: "like_day", LikeDayAhead: "like_day", MeanDayAhead: "mean_day"}
)

// Quality says what a register is worth: ACTUAL, SUBSTITUTE (a person stated it, or it lies
// between two known ones) or ESTIMATE (there is no later one yet), as in the Consumer Data
// Right; it is empty without a register.
type Quality string

// Method says how a register that no meter sent was made: edited, linear, like_day or mean_day;
// it is empty for one that a meter sent.
type Method string

// Quality returns the quality of a register.
func (s Source) Quality() Quality { return qualities[s] }

// Method returns the method by which a register was made.
func (s Source) Method() Method { return methods[s] }

// Between returns the source of the energy between two registers: that of the less certain
// one. If the dials changed between the two and nobody read one, a person stated it at best.
func Between(from, to *Known, dials meter.Dials) Source {
	if from.Source == Missing || to.Source == Missing {
		return Missing
	}
	source := max(from.Source, to.Source)
	if from.Changes < to.Changes && slices.ContainsFunc(dials[from.Changes:to.Changes], func(c meter.Change) bool { return c.IsEstimated }) {
		return max(source, Edited)
	}
	return source
}
