package pages

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"meterledger/internal/meter"
	"meterledger/internal/vee"
)

// row is a part of a period in the table under its chart.
type row struct {
	Begins   moment
	Href     string // of the page about it; empty for a half hour
	KWh      string // empty if it is not known
	Before   string // in the same part of the other period
	Register string // at its end
	Notes    string

	place place
}

// label names a part of a period that begins at a slot by its place, which the period before has too.
func (s *site) label(by span, from meter.Slot) string {
	switch by {
	case aDay:
		return s.clock(from)
	case aWeek:
		return s.zone.Time(from).Format("Mon")
	case aMonth:
		return strconv.Itoa(s.zone.DayOf(from).Day)
	default:
		return s.zone.Time(from).Format("Jan")
	}
}

// parts returns the windows of a period's parts.
func (s *site) parts(p period) (all []meter.Window) {
	whole := p.window(s.zone)
	for from := whole.From; from < whole.To; from = all[len(all)-1].To {
		part := meter.Window{From: from, To: from + 1}
		switch p.interval() {
		case "day":
			part = s.zone.DayWindow(s.zone.DayOf(from))
		case "month":
			part = s.zone.MonthWindow(s.zone.MonthOf(from))
		}
		all = append(all, part)
	}
	return all
}

// rows returns the parts of a period, beside those of another; other is nil for none.
func (s *site) rows(h home, p period, other *period) ([]row, error) {
	now, err := s.series(h, p)
	if err != nil {
		return nil, err
	}
	var before map[string]*measured
	if other != nil {
		if before, err = s.series(h, *other); err != nil {
			return nil, err
		}
	}
	var rows []row
	for i, w := range s.parts(p) {
		label := s.label(p.by, w.From)
		rows = append(rows, s.row(h, p, w, now[label], before[label]))
		if hasLabel(p.by, i) {
			rows[i].place.label = label
		}
	}
	return rows, nil
}

// hasLabel reports whether there is room for the label of a part beneath a chart on a phone.
func hasLabel(by span, i int) bool {
	return by == aWeek || by == aYear || by == aDay && i%12 == 0 || by == aMonth && (i == 0 || i%5 == 4)
}

func (s *site) row(h home, p period, w meter.Window, now, before *measured) row {
	r := row{Begins: s.partMoment(p.by, w.From), place: place{now: math.NaN(), before: math.NaN(), class: "bar"}}
	switch p.by {
	case aWeek, aMonth:
		r.Href = usagePath(h.id, periodAround(aDay, s.zone.DayOf(w.From)), "")
	case aYear:
		r.Href = usagePath(h.id, periodAround(aMonth, s.zone.DayOf(w.From)), "")
	}
	if before != nil && before.source != vee.Missing {
		r.Before, r.place.before = before.used.String(), before.used.InexactFloat64()
	}
	if now != nil && now.source != vee.Missing {
		r.KWh, r.Register, r.place.now = now.used.String(), now.register.String(), now.used.InexactFloat64()
		if now.source.IsEstimated() {
			r.place.class = "bar estimated"
		}
	} else {
		r.place.isMissing = h.part(w).Points() > 1
	}
	r.Notes = strings.Join(s.notes(h, w, now), ", ")
	r.place.Says = r.says()
	return r
}

// partMoment is when a part of a period begins, as its row names it.
func (s *site) partMoment(by span, from meter.Slot) moment {
	switch by {
	case aDay:
		return s.atClock(from)
	case aYear:
		return moment{s.zone.MonthOf(from).String(), s.zone.Time(from).Format("January")}
	default:
		return moment{s.zone.DayOf(from).String(), s.zone.Time(from).Format("Mon 2 Jan")}
	}
}

// notes are what a reader must know of a part.
func (s *site) notes(h home, w meter.Window, m *measured) (notes []string) {
	switch {
	case h.known.Points() == 0 || w.To <= h.known.From:
		return []string{"before the first reading"}
	case w.From >= h.known.To:
		return []string{"not known yet"}
	case m == nil || m.source == vee.Missing:
		return []string{"not known"}
	}
	if m.source.IsEstimated() {
		notes = append(notes, "estimated")
	} else if m.source == vee.Edited {
		notes = append(notes, "corrected")
	}
	if !m.isWhole && w.To > h.known.To {
		notes = append(notes, "until "+s.moment(h.known.To).Text)
	}
	if !m.isWhole && w.From < h.known.From {
		notes = append(notes, "from "+s.moment(h.known.From).Text)
	}
	if !m.isFull && !m.source.IsEstimated() && m.source != vee.Edited {
		notes = append(notes, "readings missing within")
	}
	for i := range m.changes {
		notes = append(notes, changeNames[m.changes[i].Kind])
	}
	return notes
}

var changeNames = map[meter.ChangeKind]string{meter.Exchange: "meter exchanged", meter.Reset: "meter reset", meter.Rollover: "register rolled over"}

// says is the row in words, for who points at its bar.
func (r *row) says() string {
	text := r.Begins.Text + ": "
	if r.KWh != "" {
		text += r.KWh + " kWh"
	}
	if r.Notes != "" {
		text += " " + r.Notes
	}
	if r.Before != "" {
		text += fmt.Sprintf(" (before: %s kWh)", r.Before)
	}
	return text
}
