package pages

import (
	"fmt"
	"slices"
	"strings"

	"meterledger/internal/meter"
	"meterledger/internal/query"
)

// overview is what a page says of a period: how much was used, beside what other periods used, and its
// parts in a chart and a table.
type overview struct {
	Meter   meter.ID
	Used    figure
	Unknown string // why nothing is known of the period; empty if something is
	Others  []figure
	Missing []string // stretches of readings that are missing
	Changes []changeView
	Alone   string // why the other period that should stand in the chart does not; empty if it does
	Chart   *bars
	Rows    []row
	Columns columns

	used *query.Consumption // nil if nothing is known
}

// columns are the headings of the table.
type columns struct {
	Caption, Part, Now, Before string
	IsLong, HasNotes           bool
}

// overview looks at a period, beside others of which one may stand in its chart.
func (s *site) overview(h home, p period, others []period, drawn *period) (v overview, err error) {
	v.Meter = h.id
	if v.used, err = h.used(p.window(s.zone)); err != nil {
		return v, err
	}
	v.Used = s.figure(p.String(), p.window(s.zone), v.used)
	if v.used == nil {
		v.Unknown = s.whyUnknown(h, p.window(s.zone))
	} else {
		v.Changes = s.changes(v.used.Changes())
		if v.Missing, err = s.missing(h, p, v.used); err != nil {
			return v, err
		}
	}
	for _, other := range others {
		f, err := s.comparison(h, p, other, v.used)
		if err != nil {
			return v, err
		}
		if f.KWh != "" {
			v.Others = append(v.Others, f)
		}
	}
	return v, s.draw(&v, h, p, drawn)
}

// draw adds the chart and the table, if there is something to see.
func (s *site) draw(v *overview, h home, p period, other *period) (err error) {
	if other != nil && h.part(other.window(s.zone)).Points() < 2 {
		v.Alone, other = "Nothing is known of "+other.String()+" to stand beside it.", nil
	}
	if v.Unknown != "" && other == nil {
		return nil
	}
	v.Rows, err = s.rows(h, p, other)
	if err != nil && other != nil && butForArchives(err) == nil {
		v.Alone, other = "An archive of "+other.String()+" cannot be read now, so it does not stand beside it.", nil
		v.Rows, err = s.rows(h, p, nil)
	}
	if err != nil {
		return err
	}
	v.Columns = columns{Part: partNames[p.by], Now: p.String(), IsLong: p.by == aDay || p.by == aMonth}
	v.Columns.Caption = "kWh by " + strings.ToLower(v.Columns.Part)
	if other != nil {
		v.Columns.Before = other.String()
	}
	v.Columns.HasNotes = slices.ContainsFunc(v.Rows, func(r row) bool { return r.Notes != "" })
	v.Chart = v.bars()
	return nil
}

var partNames = map[span]string{aDay: "Half hour", aWeek: "Day", aMonth: "Day", aYear: "Month"}

// bars draws the rows.
func (v *overview) bars() *bars {
	places := make([]place, len(v.Rows))
	classes := make(map[string]bool)
	for i := range v.Rows {
		places[i] = v.Rows[i].place
	}
	b := newBars(fmt.Sprintf("%s, %s", v.Columns.Caption, v.Columns.Now), places)
	for i := range b.Places {
		for _, drawn := range b.Places[i].Bars {
			classes[drawn.Class] = true
		}
	}
	for _, l := range []legend{{"bar", v.Columns.Now}, {"bar before", v.Columns.Before}, {"bar estimated", "estimated between known registers"}, {"missing", "not known"}} {
		if classes[l.Class] {
			b.Legend = append(b.Legend, l)
		}
	}
	return b
}

// whyUnknown says why nothing is known of a window.
func (s *site) whyUnknown(h home, w meter.Window) string {
	switch {
	case h.known.Points() == 0:
		return "This meter has not sent any reading yet."
	case w.From > s.zone.Floor(s.Reader.Now()):
		return "This lies ahead."
	case w.To <= h.known.From:
		return "The first reading that can be shown is of " + s.moment(h.known.From).Text + "."
	case w.From > h.known.To:
		return "No reading of this time can be shown. The last one is of " + s.moment(h.known.To).Text + "."
	default:
		return "Energy is what lies between two readings, and of this time there are no two yet."
	}
}

// stretchesMax is how many stretches of missing readings are told one by one.
const stretchesMax = 5

// missing tells which readings of a period are missing. Of a year there may be too many.
func (s *site) missing(h home, p period, used *query.Consumption) (texts []string, err error) {
	if used.Complete() || p.by == aYear {
		return nil, nil
	}
	gaps, err := h.reader.Gaps(h.id, h.part(p.window(s.zone)))
	if err != nil {
		return nil, err
	}
	for i, gap := range gaps.Missing {
		if i == stretchesMax {
			return append(texts, "and "+count(len(gaps.Missing)-i, "more stretch")), nil
		}
		texts = append(texts, s.stretch(gap))
	}
	return texts, nil
}

// stretch names the readings of a window, both ends included.
func (s *site) stretch(w meter.Window) string {
	text := s.moment(w.From).Text
	switch {
	case w.From == w.To:
		return text
	case s.zone.DayOf(w.From) == s.zone.DayOf(w.To):
		text += " to " + s.clock(w.To)
	default:
		text += " to " + s.moment(w.To).Text
	}
	return fmt.Sprintf("%s (%s)", text, count(w.Points(), "reading"))
}

// changeView is a change of dials.
type changeView struct {
	At       moment
	What     string
	Old, New string // kWh

	Estimated string // kWh of Old, if nobody read it
	Serial    string // of the new meter; empty if it is not known
}

func (s *site) changes(dials meter.Dials) (all []changeView) {
	for i := range dials {
		c := &dials[i]
		change := changeView{At: s.instant(s.zone.TimeOf(c.At)), What: changeNames[c.Kind], Old: c.Old.String(), New: c.New.String(), Serial: c.Serial}
		if c.IsEstimated {
			change.Estimated = c.Estimated.String()
		}
		all = append(all, change)
	}
	return all
}
