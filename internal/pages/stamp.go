package pages

import "time"

// momentOf returns a local time as the api writes it, such as 2026-11-23T14:30:00; if a clock shows
// that time twice, the offset follows.
func momentOf(stamp string) moment {
	const layout = "2006-01-02T15:04:05"
	text, offset := stamp, ""
	if len(stamp) > len(layout) {
		text, offset = stamp[:len(layout)], " ("+stamp[len(layout):]+")"
	}
	t, err := time.Parse(layout, text)
	if err != nil {
		return moment{stamp, stamp}
	}
	words := "Mon 2 Jan 2006 15:04"
	if t.Second() != 0 {
		words += ":05"
	}
	return moment{stamp, t.Format(words) + offset}
}

// stamp is a local time as the api writes it, such as 2026-11-23T14:30:00; where a clock shows a
// time twice the offset follows.
type stamp string

const stampLayout = "2006-01-02T15:04:05"

// Text returns the time for people, such as Mon 23 Nov 2026, 14:30.
func (s stamp) Text() string {
	if len(s) < len(stampLayout) {
		return string(s)
	}
	t, err := time.Parse(stampLayout, string(s[:len(stampLayout)]))
	if err != nil {
		return string(s)
	}
	layout := "Mon 2 Jan 2006, 15:04"
	if t.Second() != 0 {
		layout += ":05"
	}
	return t.Format(layout) + string(s[len(stampLayout):])
}

// Stamp returns the time for programs.
func (s stamp) Stamp() string { return string(s) }
