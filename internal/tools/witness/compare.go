package witness

import (
	"fmt"
	"maps"
	"slices"

	"meterledger/internal/meter"
)

// Kind is what is wrong.
type Kind string

// The kinds of violation.
const (
	Lost     Kind = "lost"     // it was acknowledged, and is not there
	Altered  Kind = "altered"  // it is there with another value
	Invented Kind = "invented" // it is there, and nobody can have sent it
	Doubled  Kind = "doubled"  // it is there twice
)

// Violation is a difference between what was told and what is there.
type Violation struct {
	Kind      Kind
	Meter     meter.ID
	Stamp     string // of the reading, or "account"
	Want, Got string // "" where there is or must be nothing
}

func (v Violation) String() string {
	return fmt.Sprintf("%s: meter %s, %s: want %s, got %s", v.Kind, v.Meter, v.Stamp, orNothing(v.Want), orNothing(v.Got))
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// Span is a span of time, both ends included.
type Span struct{ From, To string }

// Always is all of the time.
var Always = Span{"", "9999"}

func (s Span) contains(stamp string) bool { return s.From <= stamp && stamp <= s.To }

// Compare holds all the readings that were found of a meter in a span against the
// log. Nothing may be under way meanwhile: what was sent without an answer is
// settled by what is found.
func (l *Log) Compare(id meter.ID, span Span, found []Reading) []Violation {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.compare(id, span, found, true)
}

// Check is Compare without settling: for a copy that need not hold what it was not
// told of, such as an archive.
func (l *Log) Check(id meter.ID, span Span, found []Reading) []Violation {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.compare(id, span, found, false)
}

func (l *Log) compare(id meter.ID, span Span, found []Reading, settle bool) (wrong []Violation) {
	claims := l.readings[id]
	seen := make(map[string]bool, len(found))
	for _, r := range found {
		c := claims[r.Stamp]
		switch {
		case seen[r.Stamp]:
			wrong = append(wrong, Violation{Doubled, id, r.Stamp, "", r.Register})
		case c == nil || !c.told && c.unanswered == 0 || !span.contains(r.Stamp):
			wrong = append(wrong, Violation{Invented, id, r.Stamp, "", r.Register})
		case !sameNumber(c.register, r.Register):
			wrong = append(wrong, Violation{Altered, id, r.Stamp, c.register, r.Register})
		}
		seen[r.Stamp] = true
	}
	for _, stamp := range slices.Sorted(maps.Keys(claims)) {
		c := claims[stamp]
		if !span.contains(stamp) {
			continue
		}
		if c.told && !seen[stamp] {
			wrong = append(wrong, Violation{Lost, id, stamp, c.register, ""})
		}
		if settle {
			c.told, c.unanswered = c.told || seen[stamp], 0
		}
	}
	return wrong
}
