package store

import (
	"cmp"
	"iter"
	"slices"
)

// Verdicts are those on entries that follow each other. Nearly all entries are accepted, so only the others take
// memory. The zero value has none.
type Verdicts struct {
	n      int
	others []PlacedVerdict // that are not Accepted, in their order
}

// PlacedVerdict is a verdict on one of many entries.
type PlacedVerdict struct {
	Place int // from 0
	Verdict
}

// AllAccepted returns the verdicts on so many entries that were accepted.
func AllAccepted(n int) Verdicts { return Verdicts{n: n} }

// Len returns how many entries they are on.
func (v Verdicts) Len() int { return v.n }

// Others returns those that are not Accepted, in their order.
func (v Verdicts) Others() []PlacedVerdict { return v.others }

// At returns the verdict on an entry.
func (v Verdicts) At(place int) Verdict {
	if at, found := v.other(place); found {
		return v.others[at].Verdict
	}
	return Verdict{}
}

// other returns where the first of the others stands that has a place or a later one.
func (v Verdicts) other(place int) (at int, found bool) {
	return slices.BinarySearchFunc(v.others, place, func(o PlacedVerdict, place int) int { return cmp.Compare(o.Place, place) })
}

// From yields the verdicts from a place on, in their order.
func (v Verdicts) From(first int) iter.Seq2[int, Verdict] {
	return func(yield func(int, Verdict) bool) {
		at, _ := v.other(first)
		others := v.others[at:]
		for place := first; place < v.n; place++ {
			verdict := Verdict{}
			if len(others) > 0 && others[0].Place == place {
				verdict, others = others[0].Verdict, others[1:]
			}
			if !yield(place, verdict) {
				return
			}
		}
	}
}

// Emptied returns none, in the memory of v.
func (v Verdicts) Emptied() Verdicts { return Verdicts{others: v.others[:0]} }

// Part returns the verdicts on n entries from a place on, in the memory of others that nobody needs any more.
func (v Verdicts) Part(from, n int, memory Verdicts) Verdicts {
	part := memory.Emptied()
	part.n = n
	at, _ := v.other(from)
	for ; at < len(v.others) && v.others[at].Place < from+n; at++ {
		part.others = append(part.others, PlacedVerdict{v.others[at].Place - from, v.others[at].Verdict})
	}
	return part
}

func (v *Verdicts) add(next Verdict) {
	if next.Outcome != Accepted {
		v.others = append(v.others, PlacedVerdict{v.n, next})
	}
	v.n++
}
