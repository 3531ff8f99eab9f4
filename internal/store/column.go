package store

import "math/bits"

// segmentMeters is how many meters share a segment of a column.
const segmentMeters = 1024

// segment is the values of 1024 meters.
type segment[T comparable] struct {
	age age
	all [segmentMeters]T
}

// column is a value of each meter, or of whatever else is counted from 0: segments by
// meter, nil if all values are zero. A frozen state shares its segments.
type column[T comparable] []*segment[T]

func (c column[T]) at(i Index) (value T) {
	if place := int(i / segmentMeters); place < len(c) && c[place] != nil {
		return c[place].all[i%segmentMeters]
	}
	return value
}

func (c *column[T]) set(i Index, value T, ice ice) {
	place := int(i / segmentMeters)
	if missing := place + 1 - len(*c); missing > 0 {
		*c = append(*c, make(column[T], missing)...)
	}
	s := &(*c)[place]
	switch {
	case *s == nil:
		*s = &segment[T]{age: ice.age}
	case ice.covers((*s).age):
		young := **s
		young.age = ice.age
		*s = &young
	}
	(*s).all[i%segmentMeters] = value
}

// all yields the values that are not zero.
func (c column[T]) all(yield func(Index, T) bool) {
	var zero T
	for place, s := range c {
		if s == nil {
			continue
		}
		for n, value := range s.all {
			if value != zero && !yield(Index(place*segmentMeters+n), value) {
				return
			}
		}
	}
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

// all yields the meters of the set, in order.
func (s indexSet) all(yield func(Index) bool) {
	for n, word := range s {
		for ; word != 0; word &= word - 1 {
			if !yield(Index(64*n + bits.TrailingZeros64(word))) {
				return
			}
		}
	}
}
