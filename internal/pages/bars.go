package pages

import (
	"math"
	"strconv"
)

// bars is a chart: a place for each part of a period, with the bar of what was used in it and, behind
// that, of what was used in the same part of another period. All its numbers stand in a table too.
type bars struct {
	Title  string
	Scale  [3]string // kWh at the top, in the middle and at the bottom
	Places []place
	Labels []barLabel
	Legend []legend
}

// bar is a rectangle, in percent of the chart.
type bar struct{ Class, X, Y, Width, Height string }

type barLabel struct{ X, Text string }

// legend says what the bars of a class are.
type legend struct{ Class, Text string }

// place is what stands in a chart for a part of a period.
type place struct {
	Says string // in words, for who points at it
	Bars []bar

	label       string  // empty for none
	now, before float64 // kWh; NaN for none
	class       string  // of the bar of now
	isMissing   bool
}

// newBars draws places side by side.
func newBars(title string, places []place) *bars {
	top := 0.0
	for _, p := range places {
		for _, kwh := range []float64{p.now, p.before} {
			if !math.IsNaN(kwh) {
				top = max(top, kwh)
			}
		}
	}
	top = roundUp(top)
	b := &bars{Title: title, Scale: [3]string{short(top), short(top / 2), "0"}, Places: places}
	step := 100 / float64(len(places))
	for i := range places {
		x := float64(i) * step
		places[i].draw(x, step, top)
		if places[i].label != "" {
			b.Labels = append(b.Labels, barLabel{percent(x + step/2), places[i].label})
		}
	}
	return b
}

// draw adds the bars: what was used before as a wide one behind, and now as a narrow one before it.
func (p *place) draw(x, step, top float64) {
	if p.isMissing {
		p.Bars = append(p.Bars, bar{"missing", percent(x), "0", percent(step), "100%"})
	}
	add := func(class string, kwh, share float64) {
		if !math.IsNaN(kwh) {
			height := max(0, kwh) / top * 100
			p.Bars = append(p.Bars, bar{class, percent(x + step*(1-share)/2), percent(100 - height), percent(step * share), percent(height)})
		}
	}
	add("bar before", p.before, .9)
	add(p.class, p.now, .6)
}

// roundUp returns a number of one or two digits that is not below kwh, and can be halved.
func roundUp(kwh float64) float64 {
	if kwh <= 0 {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(kwh)))
	for _, steps := range []float64{1, 1.5, 2, 3, 4, 5, 6, 8} {
		if kwh <= steps*unit {
			return steps * unit
		}
	}
	return 10 * unit
}

func percent(of float64) string {
	return strconv.FormatFloat(math.Round(of*100)/100, 'f', -1, 64) + "%"
}

// short writes a number of few digits, without the rest that its calculation may have left.
func short(kwh float64) string { return strconv.FormatFloat(kwh, 'f', -1, 32) }
