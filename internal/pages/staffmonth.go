package pages

import (
	"meterledger/internal/meter"
	"meterledger/internal/query"
)

// monthOfMeter is what a meter lacks of a month.
type monthOfMeter struct {
	Name              string
	Steps             monthSteps
	Expected, Missing int             // readings
	Of                string          // how many are expected, in words
	Weeks             [][]missingCell // from Monday on; cells without a number lie outside the month
	Closing           string          // what is said of the reading that closes the month
	Stretches         []stretch
}

// stretch is a series of half hours without a reading.
type stretch struct {
	First, Last moment
	Count       int
}

func (s *site) monthOfMeter(reader *query.Reader, id meter.ID, month meter.Month) (view monthOfMeter, err error) {
	gaps, err := reader.Gaps(id, s.zone.MonthWindow(month))
	if err != nil {
		return view, err
	}
	view = monthOfMeter{Name: monthName(month), Expected: gaps.Expected, Missing: gaps.Expected - gaps.Readings}
	view.Of = count(gaps.Expected, "reading")
	if month == s.thisMonth() {
		view.Of += " up to now"
	}
	view.Steps = s.monthsAround(month, func(around meter.Month) string { return staffMonthPath(id, around) })
	days := s.gapsByDay(month, gaps)
	closing := len(days) - 1
	view.Weeks = weeks(id, days[:closing])
	if days[closing].Missing > 0 {
		view.Closing = "The reading of " + dayName(days[closing].Day) + ", 00:00, which closes the month, is missing too."
	}
	for _, missing := range gaps.Missing {
		view.Stretches = append(view.Stretches, stretch{s.moment(missing.From), s.moment(missing.To), missing.Points()})
	}
	return view, nil
}

// weeks sets days out as a calendar does. Each leads to its readings.
func weeks(id meter.ID, days []dayGaps) (all [][]missingCell) {
	monday := days[0].Day.Monday()
	week := make([]missingCell, 0, 7)
	for day := monday; day != days[0].Day; day = day.AddDays(1) {
		week = append(week, missingCell{})
	}
	for _, d := range days {
		if len(week) == 7 {
			all, week = append(all, week), make([]missingCell, 0, 7)
		}
		cell := d.cell()
		if d.Expected > 0 {
			cell.Href = staffMonthPath(id, d.Day.CalendarMonth()) + "&day=" + d.Day.String() + "#day"
		}
		week = append(week, cell)
	}
	return append(all, append(week, make([]missingCell, 7-len(week))...))
}
