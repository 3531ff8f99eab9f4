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

// momentIf returns a time of an answer, or nil if there is none.
func momentIf(stamp *string) *moment {
	if stamp == nil {
		return nil
	}
	return new(momentOf(*stamp))
}
