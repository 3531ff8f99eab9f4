package vee_test

import (
	"fmt"
	"testing"

	"github.com/shopspring/decimal"

	"meterledger/internal/meter"
	"meterledger/internal/tools/households"
	"meterledger/internal/vee"
)

// sampleDays is how long the sample of real homes is.
const sampleDays = 92

// findings are the exceptions of a home: how often one was found, and how many there are, as one
// that goes on is found on each of its days.
type findings map[meter.Rule]struct{ Found, Distinct int }

// examine goes through a home's days as daily runs do.
func examine(h households.Household) findings {
	first := meter.Slot(meter.SlotsPerDay * 15_765)
	s := households.Shift(meter.ID(h.ID), h.Registers(decimal.NewFromInt(1000)), first, first+meter.SlotsPerDay*sampleDays)
	all, seen := make(findings), make(map[string]bool)
	var past vee.Past
	var before *meter.Point
	left := s.Readings
	for w := (meter.Window{From: first, To: first + meter.SlotsPerDay}); w.From < first+meter.SlotsPerDay*sampleDays; w.From, w.To = w.To, w.To+meter.SlotsPerDay {
		for ; len(left) > 0 && left[0].Slot < w.From; left = left[1:] {
			before = &meter.Point{Slot: left[0].Slot, Register: left[0].Register}
		}
		day := vee.Day{Window: w, Before: before, Known: w.To, Past: &past}
		for _, r := range left {
			if r.Slot <= w.To {
				day.Points = append(day.Points, meter.Point{Slot: r.Slot, Register: r.Register})
			}
		}
		total := day.Total()
		for _, e := range day.Check(total, nil) {
			of := all[e.Rule]
			of.Found++
			if key := fmt.Sprint(e.Rule, e.From); !seen[key] {
				seen[key] = true
				of.Distinct++
			}
			all[e.Rule] = of
		}
		copy(past[1:], past[:])
		past[0] = total
	}
	return all
}

// TestRealHomesAreFlaggedSeldom has twelve homes over three months. One is empty most of the time
// (4,391 of its 4,416 half hours are zero), and one went silent in the middle.
func TestRealHomesAreFlaggedSeldom(t *testing.T) {
	homes, err := households.Load()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]findings{
		"MAC000003": {meter.RuleSpike: {1, 1}},
		"MAC000012": {meter.RuleHighLow: {2, 2}},
		"MAC000026": {meter.RuleMissing: {1, 1}},
		"MAC000031": {meter.RuleMissing: {1, 1}},
		"MAC000037": {meter.RuleHighLow: {31, 31}}, // the empty one
		"MAC000047": {meter.RuleMissing: {3, 3}},
		"MAC000050": {meter.RuleMissing: {45, 1}, meter.RuleProlonged: {38, 1}}, // the silent one
		"MAC000051": {meter.RuleSpike: {4, 4}, meter.RuleMissing: {3, 2}},
	}
	for _, h := range homes {
		if got := examine(h); fmt.Sprint(got) != fmt.Sprint(want[h.ID]) {
			t.Errorf("%s: %v, want %v", h.ID, got, want[h.ID])
		}
	}
}
