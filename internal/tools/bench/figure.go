package main

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"meterledger/internal/tools/caller"
)

// figure is what was measured: the median of several values, and each of them.
type figure struct {
	Value float64   `json:"value"`
	Unit  string    `json:"unit"`
	Runs  []float64 `json:"runs,omitempty"`
}

func medianOf(unit string, runs []float64) *figure {
	return &figure{Value: median(runs), Unit: unit, Runs: runs}
}

func median(of []float64) float64 {
	sorted := slices.Sorted(slices.Values(of))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

func (f *figure) String() string {
	if f == nil {
		return ""
	}
	return number(f.Value) + " " + f.Unit
}

// number writes three significant digits, and all digits before the point.
func number(v float64) string {
	digits := 0
	if v != 0 {
		digits = max(0, 2-int(math.Floor(math.Log10(math.Abs(v)))))
	}
	whole, fraction, found := strings.Cut(strconv.FormatFloat(v, 'f', digits, 64), ".")
	if found {
		fraction = "." + fraction
	}
	return caller.GroupedDigits(whole) + fraction
}

// pairs are floor and ours, measured in turn.
type pairs struct{ floor, ours []float64 }

// inTurn measures n pairs. Every other one begins with ours, so that neither is always the first.
func inTurn(n int, floor, ours func() float64) (p pairs) {
	for i := range n {
		if i%2 == 1 {
			p.ours = append(p.ours, ours())
		}
		p.floor = append(p.floor, floor())
		if i%2 == 0 {
			p.ours = append(p.ours, ours())
		}
	}
	return p
}

// add adds pairs that were measured later.
func (p *pairs) add(more pairs) {
	p.floor, p.ours = append(p.floor, more.floor...), append(p.ours, more.ours...)
}

// ratio is the median of ours to the floor measured beside it.
func (p pairs) ratio() float64 {
	ratios := make([]float64, len(p.ours))
	for i := range ratios {
		ratios[i] = p.ours[i] / p.floor[i]
	}
	return median(ratios)
}

// line returns the pairs as a line of the table.
func (p pairs) line(what, floor, unit string, aim aim) line {
	return line{
		What: what, FloorIs: floor, Floor: medianOf(unit, p.floor), Ours: medianOf(unit, p.ours),
		Ratio: new(p.ratio()), aim: aim,
	}
}

// line is one line of the table.
type line struct {
	Row     string   `json:"row"`
	What    string   `json:"what"`
	FloorIs string   `json:"floor_is,omitempty"` // what the floor is
	Floor   *figure  `json:"floor,omitempty"`
	Ours    *figure  `json:"ours,omitempty"`
	Ratio   *float64 `json:"ratio,omitempty"` // of ours to the floor
	Aim     string   `json:"aim,omitempty"`
	Met     *bool    `json:"met,omitempty"`  // nil if there is no aim or nothing was measured
	Note    string   `json:"note,omitempty"` // what one must know to read the line

	aim aim
}

// judge fills in the aim and whether it is met.
func (l *line) judge() {
	l.Aim = l.aim.text
	if l.aim.holds != nil && l.Ours != nil {
		l.Met = new(l.aim.holds(*l))
	}
}

// aim is what a line is to come to. The zero value is none.
type aim struct {
	text  string
	holds func(line) bool
}

func ratioAtLeast(least float64) aim {
	return aim{"ratio ≥ " + number(least), func(l line) bool { return *l.Ratio >= least }}
}

func ratioAtMost(most float64) aim {
	return aim{"ratio ≤ " + number(most), func(l line) bool { return *l.Ratio <= most }}
}

func atLeast(least float64, unit string) aim {
	return aim{"≥ " + number(least) + " " + unit, func(l line) bool { return l.Ours.Value >= least }}
}

func atMost(most float64, unit string) aim {
	return aim{"≤ " + number(most) + " " + unit, func(l line) bool { return l.Ours.Value <= most }}
}

// or is met if one of two aims is.
func (a aim) or(text string, holds func(line) bool) aim {
	return aim{a.text + " or " + text, func(l line) bool { return a.holds(l) || holds(l) }}
}
