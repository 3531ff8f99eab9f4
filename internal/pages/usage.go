package pages

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// usageRequest asks for a period: that of a span around a day, this month if neither is given.
type usageRequest struct {
	Meter   meter.ID    `path:"meter_id"`
	By      span        `param:"by" oneof:"day week month year"`
	At      meter.Bound `param:"at"`
	Compare comparing   `param:"compare" oneof:"before year none"`
}

// comparing says which other period stands beside one in its chart and its table.
type comparing string

const (
	withBefore comparing = "before"
	withYear   comparing = "year"
	withNone   comparing = "none"
)

// usageView is a page about a period.
type usageView struct {
	overview
	Spans                 []choice      // the same day by each span
	Before, Next, Present *httpkit.Link // nil if there is nothing to see
	Whole                 *guess        // of the present month

	Form    string // the path of the form that asks for another period
	By      span
	At      string // a day, as the form has it
	Today   string
	Compare []choice

	CSV      string        // the path of the readings
	Patterns *patternsView // of a month or a year; nil without two readings
}

// choice is one of several, of which one is chosen.
type choice struct {
	Value, Text, Href string
	Is                bool
}

func (s *site) usage(w http.ResponseWriter, r *http.Request, q *usageRequest) error {
	h, err := s.homeOf(r, q.Meter)
	if err != nil {
		return err
	}
	today := s.zone.Today(s.Reader.Now())
	day := today
	if q.At != 0 {
		day = s.zone.DayOf(meter.Slot(q.At))
	}
	p := periodAround(cmp.Or(q.By, aMonth), day)
	compare := cmp.Or(q.Compare, withBefore)
	view := usageView{
		Form: meterPath(h.id) + "/usage", By: p.by, At: day.String(), Today: today.String(), Compare: compareChoices(p, compare),
		CSV: csvPath(h.id, p.window(s.zone), s.zone),
	}
	for _, by := range spans {
		view.Spans = append(view.Spans, choice{Text: spanNames[by], Href: usagePath(h.id, period{by, day}, q.Compare), Is: by == p.by})
	}
	view.steps(s, h, p, q.Compare, today)
	if view.overview, err = s.overview(h, p, p.others(s.zone), p.compared(compare, s.zone)); err != nil {
		return err
	}
	if p == periodAround(aMonth, today) {
		if view.Whole, err = s.guess(h, p, view.used); err != nil {
			return err
		}
	}
	if view.Patterns, err = s.patterns(h, p); err != nil {
		return err
	}
	return s.show(w, r, view.Patterns.within(household(h.id, "Usage: "+p.String(), "/usage")), "usage", view)
}

var spanNames = map[span]string{aDay: "Day", aWeek: "Week", aMonth: "Month", aYear: "Year"}

// others are the periods with which p is compared.
func (p period) others(z *meter.Zone) []period {
	if p.by == aYear {
		return []period{p.add(-1)}
	}
	return []period{p.beside(-1, z), p.yearBefore()}
}

// compared returns the period that stands beside p in its chart, nil for none.
func (p period) compared(c comparing, z *meter.Zone) *period {
	switch c {
	case withBefore:
		return new(p.beside(-1, z))
	case withYear:
		return new(p.yearBefore())
	default:
		return nil
	}
}

// steps adds the links to the periods before and after, as far as there is something to see, and to
// the present one.
func (v *usageView) steps(s *site, h home, p period, compare comparing, today meter.Day) {
	link := func(p period, text string) *httpkit.Link {
		return &httpkit.Link{Href: usagePath(h.id, p, compare), Text: text}
	}
	w, present := p.window(s.zone), periodAround(p.by, today)
	if h.known.Points() > 0 && w.From > h.known.From {
		before := p.beside(-1, s.zone)
		v.Before = link(before, before.String())
	}
	if p.first.Before(present.first) {
		next := p.beside(1, s.zone)
		v.Next = link(next, next.String())
	}
	if p != present {
		v.Present = link(present, map[span]string{aDay: "Today"}[p.by])
		v.Present.Text = cmp.Or(v.Present.Text, "This "+string(p.by))
	}
}

// compareChoices are what a period can be compared with.
func compareChoices(p period, is comparing) []choice {
	all := []choice{{Value: string(withBefore), Text: fmt.Sprintf("the %s before", p.by)}}
	if p.by != aYear {
		all = append(all, choice{Value: string(withYear), Text: "the same a year before"})
	}
	all = append(all, choice{Value: string(withNone), Text: "nothing"})
	for i := range all {
		all[i].Is = all[i].Value == string(is)
	}
	return all
}

// usagePath is the path of the page about a period.
func usagePath(id meter.ID, p period, compare comparing) string {
	parameters := p.query()
	if compare != "" {
		parameters.Set("compare", string(compare))
	}
	return meterPath(id) + "/usage?" + parameters.Encode()
}

// csvPath is the path of a window's readings as a file.
func csvPath(id meter.ID, w meter.Window, zone *meter.Zone) string {
	return "/get_readings?" + url.Values{"meter_id": {string(id)}, "start": {zone.Stamp(w.From)}, "end": {zone.Stamp(w.To)}, "format": {"csv"}}.Encode()
}
