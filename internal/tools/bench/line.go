package main

// line is one line of the table.
type line struct {
	Row     string   `json:"row"`
	What    string   `json:"what"`
	FloorIs string   `json:"floor_is,omitempty"` // what the floor is
	Floor   *figure  `json:"floor,omitempty"`
	Ours    *figure  `json:"ours,omitempty"`
	Ratio   *float64 `json:"ratio,omitempty"` // of ours to the floor
	Aim     string   `json:"aim,omitempty"`
	Met     *bool    `json:"met,omitempty"`  // nil where there is no aim or nothing was measured
	Note    string   `json:"note,omitempty"` // what one must know to read the line

	aim aim
}

// judge fills in the aim and whether it is met.
func (l *line) judge() {
	l.Aim = l.aim.text
	if l.aim.holds != nil && l.Ours != nil {
		l.Met = new(l.aim.holds(*l))
	}
}

// aim is what a line is to come to. The zero value is none.
type aim struct {
	text  string
	holds func(line) bool
}

func ratioAtLeast(least float64) aim {
	return aim{"ratio ≥ " + number(least), func(l line) bool { return *l.Ratio >= least }}
}

func ratioAtMost(most float64) aim {
	return aim{"ratio ≤ " + number(most), func(l line) bool { return *l.Ratio <= most }}
}

func atLeast(least float64, unit string) aim {
	return aim{"≥ " + number(least) + " " + unit, func(l line) bool { return l.Ours.Value >= least }}
}

func atMost(most float64, unit string) aim {
	return aim{"≤ " + number(most) + " " + unit, func(l line) bool { return l.Ours.Value <= most }}
}

// or is met where one of two aims is.
func (a aim) or(text string, holds func(line) bool) aim {
	return aim{a.text + " or " + text, func(l line) bool { return a.holds(l) || holds(l) }}
}
