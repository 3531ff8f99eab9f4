package store

// segmentMeters is how many meters share a segment of a month's summaries.
const segmentMeters = 1024

// segment is the summaries of 1024 meters; Count is 0 for one without readings.
type segment struct {
	age age
	all [segmentMeters]Summary
}

// summaries is a month of all meters: segments by meter, nil where none of their
// meters has readings.
type summaries []*segment

func (s summaries) of(i Index) (Summary, bool) {
	if int(i/segmentMeters) >= len(s) || s[i/segmentMeters] == nil {
		return Summary{}, false
	}
	summary := s[i/segmentMeters].all[i%segmentMeters]
	return summary, summary.Count > 0
}

// with returns the summaries with one of them set.
func (s summaries) with(i Index, summary Summary, ice ice) summaries {
	place := int(i / segmentMeters)
	if missing := place + 1 - len(s); missing > 0 {
		s = append(s, make(summaries, missing)...)
	}
	switch old := s[place]; {
	case old == nil:
		s[place] = &segment{age: ice.age}
	case ice.covers(old.age):
		young := *old
		young.age = ice.age
		s[place] = &young
	}
	s[place].all[i%segmentMeters] = summary
	return s
}

// indexSet is a set of meters, one bit each.
type indexSet []uint64

func (s indexSet) has(i Index) bool {
	return int(i/64) < len(s) && s[i/64]>>(i%64)&1 != 0
}

func (s *indexSet) add(i Index) {
	if missing := int(i/64) + 1 - len(*s); missing > 0 {
		*s = append(*s, make(indexSet, missing)...)
	}
	(*s)[i/64] |= 1 << (i % 64)
}
