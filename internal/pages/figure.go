package pages

import (
	"fmt"

	"meterledger/internal/meter"
	"meterledger/internal/query"
	"meterledger/internal/vee"
)

// figure is how much was used, for a page.
type figure struct {
	Title    string
	Href     string // of the page about it
	KWh      string // empty if it is not known
	From, To moment // of the two registers
	IsPart   bool   // these are not the two ends of the period
	Notes    []string
}

// figure returns what was used in a window that is named.
func (s *site) figure(title string, w meter.Window, c *query.Consumption) figure {
	f := figure{Title: title}
	if c == nil {
		return f
	}
	f.KWh, f.From, f.To = c.Energy().String(), s.moment(c.Start.Slot), s.moment(c.End.Slot)
	if s.zone.DayOf(c.Start.Slot) == s.zone.DayOf(c.End.Slot) {
		f.To.Text = s.clock(c.End.Slot)
	}
	f.IsPart = c.Start.Slot != w.From || c.End.Slot != w.To
	f.Notes = append([]string{completeness(c)}, certainty(c)...)
	return f
}

// completeness says how many readings are missing.
func completeness(c *query.Consumption) string {
	if c.Complete() {
		return "All " + count(c.Readings, "reading") + " are there."
	}
	return fmt.Sprintf("Of %s, %s missing.", count(c.Expected, "reading"), are(c.Expected-c.Readings))
}

// certainty says what is not as the meter sent it.
func certainty(c *query.Consumption) []string {
	switch source := c.Source(); {
	case source.IsEstimated():
		return []string{"A register at one of its ends is estimated from those around it."}
	case source == vee.Edited:
		return []string{"A register that it depends on was corrected or stated by a person."}
	default:
		return nil
	}
}

// comparison sets what was used in a period beside what was used in another: in the same part of it,
// if that is all that is known of the first.
func (s *site) comparison(h home, p, other period, now *query.Consumption) (figure, error) {
	w := other.window(s.zone)
	if now != nil {
		w = samePart(p.window(s.zone), w, meter.Window{From: now.Start.Slot, To: now.End.Slot})
	}
	c, err := h.used(w)
	if err != nil {
		return figure{}, butForArchives(err)
	}
	f := s.figure(other.String(), other.window(s.zone), c)
	f.Href = usagePath(h.id, other, "")
	if f.Notes = nil; c == nil {
		return f, nil
	}
	if !c.Complete() {
		f.Notes = append(f.Notes, count(c.Expected-c.Readings, "reading")+" missing.")
	}
	f.Notes = append(f.Notes, certainty(c)...)
	if now != nil && (meter.Window{From: c.Start.Slot, To: c.End.Slot}) == w {
		f.Notes = append(f.Notes, fmt.Sprintf("This %s: %s.", p.by, difference(query.Comparison{Window: w, Consumption: *c}, *now)))
	}
	return f, nil
}

// samePart returns the part of a window that a part is of a whole, as far as the window goes.
func samePart(whole, other, part meter.Window) meter.Window {
	if part == whole {
		return other
	}
	return meter.Window{From: other.From + part.From - whole.From, To: min(other.To, other.From+part.To-whole.From)}
}

// difference says how much more was used since.
func difference(c query.Comparison, since query.Consumption) string {
	d := c.Difference(since)
	if percent, ok := c.Percent(since); ok && !d.IsZero() {
		return moreOrLess(d, fmt.Sprintf(" (%s %%)", percent.Abs()))
	}
	return moreOrLess(d, "")
}

// moreOrLess puts a difference in words, with a remark about its amount.
func moreOrLess(d meter.Energy, remark string) string {
	switch {
	case d.IsZero():
		return "as much"
	case d.IsNegative():
		return fmt.Sprintf("%s kWh%s less", d.Neg(), remark)
	}
	return fmt.Sprintf("%s kWh%s more", d, remark)
}
