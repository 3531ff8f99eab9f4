package pages

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
	"meterledger/internal/query"
)

// monthOr returns the month that a page is asked for, and if it is asked for none, the present one.
func (s *site) monthOr(asked meter.Month) (meter.Month, error) {
	if asked == (meter.Month{}) {
		return s.thisMonth(), nil
	}
	if asked.Year < meter.EarliestYear {
		return asked, meter.Invalid(meter.CodeInvalidParameter, "month", "must not be before the year %d", meter.EarliestYear)
	}
	return asked, nil
}

func (s *site) thisMonth() meter.Month { return s.zone.Today(s.Reader.Now()).CalendarMonth() }

// monthSteps lead to the months around one, nil to those of which nothing can be known.
type monthSteps struct{ Earlier, Later *httpkit.Link }

func (s *site) monthsAround(month meter.Month, href func(meter.Month) string) (steps monthSteps) {
	link := func(m meter.Month) *httpkit.Link { return &httpkit.Link{Href: href(m), Text: monthName(m)} }
	if earlier := month.Add(-1); earlier.Year >= meter.EarliestYear {
		steps.Earlier = link(earlier)
	}
	if month.Before(s.thisMonth()) {
		steps.Later = link(month.Add(1))
	}
	return steps
}

// gapsView is what is missing of a page of meters in a month: a row each meter, a column each day.
type gapsView struct {
	search
	Name  string // of the month
	Steps monthSteps
	Days  []string // of the month; the last is the first of the next, whose first reading closes the month
	Rows  []gapsRow
}

type gapsRow struct {
	ID      meter.ID
	Href    string
	Missing int
	Cells   []missingCell
}

// gapsTogether is how many meters a page of gaps has. Of each, all readings of a month are looked at.
const gapsTogether = 25

// gaps shows what is missing, the worst meter of the page first.
func (s *site) gaps(w http.ResponseWriter, r *http.Request) error {
	var asked meter.Month
	if text := r.URL.Query().Get("month"); text != "" {
		var ok bool
		if asked, ok = meter.ParseMonth(text); !ok {
			return meter.Invalid(meter.CodeInvalidParameter, "month", "must be a month such as 2026-11")
		}
	}
	month, err := s.monthOr(asked)
	if err != nil {
		return err
	}
	found, err := s.search(r, gapsTogether, month)
	if err != nil {
		return err
	}
	view := gapsView{search: found, Name: monthName(month)}
	view.Steps = s.monthsAround(month, func(around meter.Month) string { return found.href(around.String(), found.cursor) })
	if err := view.fill(s, s.readerOf(r), month); err != nil {
		return err
	}
	return s.show(w, r, metersFrame("Gaps", "/gaps"), "staff gaps", view)
}

// fill adds what is missing of the meters that were found.
func (v *gapsView) fill(s *site, reader *query.Reader, month meter.Month) error {
	for day := month.FirstDay(); day.CalendarMonth() == month; day = day.AddDays(1) {
		v.Days = append(v.Days, strconv.Itoa(day.Day))
	}
	v.Days = append(v.Days, dateOf(month.Add(1).FirstDay()).Format("2 Jan"))
	for _, m := range v.Found {
		gaps, err := reader.Gaps(m.MeterID, s.zone.MonthWindow(month))
		if err != nil {
			return err
		}
		row := gapsRow{ID: m.MeterID, Href: staffMonthPath(m.MeterID, month), Missing: gaps.Expected - gaps.Readings}
		for _, day := range s.gapsByDay(month, gaps) {
			row.Cells = append(row.Cells, day.cell())
		}
		v.Rows = append(v.Rows, row)
	}
	slices.SortStableFunc(v.Rows, func(a, b gapsRow) int { return cmp.Compare(b.Missing, a.Missing) })
	return nil
}
