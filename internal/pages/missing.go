package pages

import (
	"fmt"
	"math"

	"meterledger/internal/meter"
	"meterledger/internal/query"
)

// dayGaps is how many readings a meter lacks that are stamped on a day.
type dayGaps struct {
	Day               meter.Day
	Expected, Missing int // up to now: of a day that is yet to come, none
}

// gapsByDay returns the gaps of a meter's month by day, and after the last day those of the one
// reading that closes the month: the first of the next. So they add up to what the api says is missing.
func (s *site) gapsByDay(month meter.Month, gaps query.Gaps) []dayGaps {
	window := s.zone.MonthWindow(month)
	expected := meter.Window{From: window.From, To: window.From + meter.Slot(gaps.Expected) - 1}
	var days []dayGaps
	for day := month.FirstDay(); s.zone.DayStart(day) <= window.To; day = day.AddDays(1) {
		of := s.zone.DayWindow(day).Rows()
		d := dayGaps{Day: day, Expected: common(of, expected)}
		for _, missing := range gaps.Missing {
			d.Missing += common(of, missing)
		}
		days = append(days, d)
	}
	return days
}

// common returns how many points two windows have in common.
func common(a, b meter.Window) int {
	return meter.Window{From: max(a.From, b.From), To: min(a.To, b.To)}.Points()
}

// missingLevels are the shades of what is missing: on the one between, no text can be read well.
var missingLevels = []string{"heat-0", "heat-1", "heat-2", "heat-3", "heat-4", "heat-6", "heat-7", "heat-8"}

// missingCell is a day of a calendar of what is missing.
type missingCell struct {
	Class, Text, Title, Href string
	Number                   int // of the day in its month
}

func (d dayGaps) cell() missingCell {
	cell := missingCell{Number: d.Day.Day}
	name := dayName(d.Day)
	switch {
	case d.Expected == 0:
		cell.Class, cell.Text, cell.Title = "yet", "–", name+": yet to come"
	default:
		level := int(math.Ceil(float64(d.Missing) * float64(len(missingLevels)-1) / float64(d.Expected)))
		cell.Class, cell.Text = missingLevels[level], fmt.Sprint(d.Missing)
		cell.Title = fmt.Sprintf("%s: %d of %s missing", name, d.Missing, count(d.Expected, "reading"))
	}
	return cell
}
