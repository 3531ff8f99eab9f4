package pages

import (
	"fmt"
	"math"

	"meterledger/internal/meter"
	"meterledger/internal/query"
	"meterledger/internal/vee"
)

// heatView is a month as a table: a row each day, a column each half hour of the clock.
type heatView struct {
	Month       string
	Clocks      []string
	Days        []heatDay
	Levels      []string      // class names, the coolest first
	Least, Most *meter.Energy // of a half hour; nil if none is known
	Estimated   string        // how many half hours are; empty if none is

	estimated int
}

type heatDay struct {
	Name, Href string
	Cells      [meter.SlotsPerDay]heatCell
}

// heatCell is a time of the clock on a day: a half hour, or two if the clock was put back then. It is
// empty if the clock jumped over it, before the first reading and after the last.
type heatCell struct {
	Class, Title string
	Used         []meter.Energy
	IsUnknown    bool

	isEstimated bool
}

// heat returns the heat map of a month. It has no days if nothing of the month is known.
func (s *site) heat(h home, month meter.Month) (heatView, error) {
	view := heatView{Month: monthName(month), Clocks: clocks[:], Levels: heatLevels[:]}
	var last meter.Day
	for b, err := range h.buckets(s.zone.MonthWindow(month), query.HalfHour, vee.Auto) {
		if err != nil {
			return view, err
		}
		t := s.zone.Time(b.Window.From)
		if day := s.zone.Today(t); day != last {
			view.Days = append(view.Days, heatDay{Name: t.Format("Mon 2"), Href: usagePath(h.id, period{aDay, day}, "")})
			last = day
		}
		cell := &view.Days[len(view.Days)-1].Cells[(60*t.Hour()+t.Minute())/30]
		if begins := s.moment(b.Window.From).Text; b.Known() {
			view.add(cell, begins, b.Energy(), b.Estimated())
		} else {
			cell.IsUnknown = true
			cell.says(begins + ": not known")
		}
	}
	view.shade()
	return view, nil
}

// add adds a half hour that is known.
func (v *heatView) add(c *heatCell, begins string, used meter.Energy, isEstimated bool) {
	if v.Least == nil || used.LessThan(v.Least.Decimal) {
		v.Least = &used
	}
	if v.Most == nil || used.GreaterThan(v.Most.Decimal) {
		v.Most = &used
	}
	text := fmt.Sprintf("%s: %s kWh", begins, used)
	if isEstimated {
		text += " (estimated)"
		c.isEstimated = true
		v.estimated++
		v.Estimated = count(v.estimated, "half hour")
	}
	c.Used = append(c.Used, used)
	c.says(text)
}

func (c *heatCell) says(text string) {
	if c.Title != "" {
		c.Title += ", "
	}
	c.Title += text
}

// heatLevels are the class names of the shades, the coolest first.
var heatLevels = [...]string{"heat-0", "heat-1", "heat-2", "heat-3", "heat-4", "heat-5", "heat-6", "heat-7", "heat-8"}

// shade gives the cells their shades.
func (v *heatView) shade() {
	for i := range v.Days {
		for clock := range v.Days[i].Cells {
			c := &v.Days[i].Cells[clock]
			if len(c.Used) > 0 {
				c.Class = heatLevel(c.Used[0], *v.Most)
			}
			if c.isEstimated {
				c.Class += " estimated"
			}
			if c.IsUnknown {
				c.Class = "missing"
			}
		}
	}
}

// heatLevel returns the shade of what was used. It follows the root of that: most half hours are far
// below the highest, and would all look the same.
func heatLevel(used, most meter.Energy) string {
	share := math.Sqrt(used.InexactFloat64() / max(most.InexactFloat64(), math.SmallestNonzeroFloat64))
	return heatLevels[min(len(heatLevels)-1, int(share*float64(len(heatLevels))))]
}

// clocks are the half hours of a day by the clock.
var clocks = func() (all [meter.SlotsPerDay]string) {
	for i := range all {
		all[i] = fmt.Sprintf("%02d:%02d", i/2, i%2*30)
	}
	return all
}()
