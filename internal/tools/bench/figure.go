package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// seconds are a span of time as it is measured.
type seconds float64

func (s seconds) duration() time.Duration { return time.Duration(float64(s) * float64(time.Second)) }

// figure is what several runs measured: the median, and each of them.
type figure struct {
	Value float64   `json:"value"`
	Unit  string    `json:"unit"`
	Runs  []float64 `json:"runs,omitempty"`
}

func medianOf(unit string, runs []float64) *figure {
	return &figure{Value: median(runs), Unit: unit, Runs: runs}
}

// of is a figure that was not measured in runs.
func of(value float64, unit string) *figure { return &figure{Value: value, Unit: unit} }

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
	return withCommas(whole) + fraction
}

// count writes a whole number.
func count[T int | uint64](n T) string { return withCommas(fmt.Sprint(n)) }

func withCommas(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// pairs are floor and ours, measured in turn.
type pairs struct{ floor, ours []float64 }

// inTurn measures n pairs. Every other one begins with ours, so that neither is
// always the first.
func inTurn(n int, floor, ours func() (float64, error)) (pairs, error) {
	p := pairs{make([]float64, n), make([]float64, n)}
	for i := range n {
		order := []struct {
			measure func() (float64, error)
			into    *float64
		}{{floor, &p.floor[i]}, {ours, &p.ours[i]}}
		if i%2 == 1 {
			slices.Reverse(order)
		}
		for _, one := range order {
			var err error
			if *one.into, err = one.measure(); err != nil {
				return p, err
			}
		}
	}
	return p, nil
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

// inverse turns requests a second into milliseconds a request.
func (p pairs) inverse() pairs {
	for _, side := range [][]float64{p.floor, p.ours} {
		for i := range side {
			side[i] = 1000 / side[i]
		}
	}
	return p
}
