package pages

import (
	"fmt"
	"math"
	"strconv"
)

// bars is a chart: a place for each part of a period, with the bar of what was used in it and, behind
// that, of what was used in the same part of another period. All its numbers stand in a table too.
type bars struct {
	Title  string
	Scale  [3]string // kWh at the top, in the middle and at the bottom
	Bars   []bar
	Labels []barLabel
	Legend []legend
}

// bar is a rectangle, in percent of the chart.
type bar struct {
	Class               string
	X, Y, Width, Height string
	Says                string
}

type barLabel struct{ X, Text string }

// legend says what the bars of a class are.
type legend struct{ Class, Text string }

// place is what stands in a chart for a part of a period.
type place struct {
	label       string // empty for none
	says        string
	now, before float64 // kWh; NaN for none
	class       string  // of the bar of now
	isMissing   bool
}

// newBars draws places side by side.
func newBars(title string, places []place) bars {
	b := bars{Title: title}
	top := 0.0
	for _, p := range places {
		for _, kwh := range []float64{p.now, p.before} {
			if !math.IsNaN(kwh) {
				top = max(top, kwh)
			}
		}
	}
	top = roundUp(top)
	b.Scale = [3]string{short(top), short(top / 2), "0"}
	step := 100 / float64(len(places))
	for i, p := range places {
		x := float64(i) * step
		b.add(p, x, step, top)
		if p.label != "" {
			b.Labels = append(b.Labels, barLabel{percent(x + step/2), p.label})
		}
	}
	return b
}

// add draws a place: what was used before as a wide bar behind, and now as a narrow one before it.
func (b *bars) add(p place, x, step, top float64) {
	if p.isMissing {
		b.Bars = append(b.Bars, bar{"missing", percent(x), "0", percent(step), "100%", p.says})
	}
	rect := func(class string, kwh, share float64) {
		if math.IsNaN(kwh) {
			return
		}
		height := max(0, kwh) / top * 100
		b.Bars = append(b.Bars, bar{class, percent(x + step*(1-share)/2), percent(100 - height), percent(step * share), percent(height), p.says})
	}
	rect("bar before", p.before, .9)
	rect(p.class, p.now, .6)
}

// roundUp returns the least of 1, 2, 2.5, 5 and their multiples by ten that is not below kwh.
func roundUp(kwh float64) float64 {
	if kwh <= 0 {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(kwh)))
	for _, steps := range []float64{1, 2, 2.5, 5} {
		if kwh <= steps*unit {
			return steps * unit
		}
	}
	return 10 * unit
}

func percent(of float64) string {
	return strconv.FormatFloat(math.Round(of*100)/100, 'f', -1, 64) + "%"
}

func short(kwh float64) string { return fmt.Sprintf("%.4g", kwh) }
