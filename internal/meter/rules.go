package meter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Rules are what a zone's clock shows: pairs of an instant in Unix seconds and the offset in
// seconds east of UTC from then on, the earliest first.
type Rules [][2]int64

// The time that rules are kept for. Before it the first offset holds, after it the last.
var (
	rulesFrom  = time.Date(EarliestYear-1, time.January, 1, 0, 0, 0, 0, time.UTC)
	rulesUntil = time.Date(2100, time.January, 1, 0, 0, 0, 0, time.UTC)
)

// Rules returns the rules of the zone.
func (z *Zone) Rules() (rules Rules) {
	for t := rulesFrom; !t.IsZero() && t.Before(rulesUntil); {
		local := t.In(z.location)
		_, offset := local.Zone()
		if n := len(rules); n == 0 || rules[n-1][1] != int64(offset) {
			rules = append(rules, [2]int64{t.Unix(), int64(offset)})
		}
		_, next := local.ZoneBounds()
		if !next.IsZero() && !next.After(t) { // a bound that lies where it was asked for, at the end of some years
			next = t.Add(24 * time.Hour)
		}
		t = next
	}
	return rules
}

// Standard returns the offset that the grid lies on, in seconds east of UTC.
func (z *Zone) Standard() int64 { return z.standard }

// Keep returns the zone in which what was recorded until an instant keeps its time, though the
// time zone database has other rules for it now: the grid lies on the standard offset that it
// was begun with, and the clock goes by the kept rules until then. It returns z itself if
// nothing differs.
func (z *Zone) Keep(standard int64, kept Rules, until time.Time) (*Zone, error) {
	rules := z.Rules()
	if standard == z.standard && slices.Equal(kept, rules) {
		return z, nil
	}
	data, err := kept.until(until.Unix(), rules).encode()
	if err != nil {
		return nil, fmt.Errorf("the kept rules of %s: %w", z, err)
	}
	location, err := time.LoadLocationFromTZData(z.String(), data)
	if err != nil {
		return nil, fmt.Errorf("the kept rules of %s: %w", z, err)
	}
	return &Zone{location: location, standard: standard}, nil
}

// until returns rules up to an instant, and others from there on.
func (r Rules) until(at int64, others Rules) (joined Rules) {
	for _, rule := range r {
		if rule[0] < at {
			joined = append(joined, rule)
		}
	}
	for i, rule := range others {
		if i+1 < len(others) && others[i+1][0] <= at {
			continue
		}
		rule[0] = max(rule[0], at)
		if n := len(joined); n == 0 || joined[n-1][1] != rule[1] {
			joined = append(joined, rule)
		}
	}
	return joined
}

// encode writes rules as a file of the time zone database (RFC 9636, version 2).
func (r Rules) encode() ([]byte, error) {
	var offsets []int64
	for i, rule := range r {
		if i > 0 && rule[0] <= r[i-1][0] || rule[1] < -24*3600 || rule[1] > 24*3600 {
			return nil, errors.New("they are damaged")
		}
		if !slices.Contains(offsets, rule[1]) {
			offsets = append(offsets, rule[1])
		}
	}
	if len(offsets) == 0 || len(offsets) > 255 {
		return nil, errors.New("they are damaged")
	}
	const abbreviation = "local\x00"
	header := func(times, types, chars int) []byte {
		b := append([]byte("TZif2"), make([]byte, 15+12)...) // no leap seconds
		for _, n := range []int{times, types, chars} {
			b = binary.BigEndian.AppendUint32(b, uint32(n))
		}
		return b
	}
	b := append(header(0, 0, 0), header(len(r), len(offsets), len(abbreviation))...)
	for _, rule := range r {
		b = binary.BigEndian.AppendUint64(b, uint64(rule[0]))
	}
	for _, rule := range r {
		b = append(b, byte(slices.Index(offsets, rule[1])))
	}
	for _, offset := range offsets {
		b = append(binary.BigEndian.AppendUint32(b, uint32(offset)), 0, 0)
	}
	return append(b, abbreviation+"\n\n"...), nil
}
