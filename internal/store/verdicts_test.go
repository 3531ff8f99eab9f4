package store

import (
	"math/rand/v2"
	"slices"
	"testing"

	"meterledger/internal/meter"
)

// TestVerdictsAreThoseOfAPlainList adds verdicts to both, and asks both.
func TestVerdictsAreThoseOfAPlainList(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var v, memory Verdicts
		var plain []Verdict
		isOther := rng.Float64()
		for range rng.IntN(40) {
			next := Verdict{}
			if rng.Float64() < isOther {
				next = Verdict{Outcome: Duplicate + Outcome(rng.IntN(3)), Other: meter.Point{Slot: 960_000 + meter.Slot(rng.IntN(9))}}
			}
			v.add(next)
			plain = append(plain, next)
		}
		if v.Len() != len(plain) || len(v.Others()) != len(slices.DeleteFunc(slices.Clone(plain), func(v Verdict) bool { return v.Outcome == Accepted })) {
			t.Fatalf("%d verdicts and %d others of %v", v.Len(), len(v.Others()), plain)
		}
		for place := range plain {
			if v.At(place) != plain[place] {
				t.Fatalf("verdict %d is %v, of %v", place, v.At(place), plain)
			}
		}
		for range 10 {
			from := rng.IntN(len(plain) + 1)
			n := rng.IntN(len(plain) - from + 1)
			memory = v.Part(from, n, memory)
			var got []Verdict
			for place, verdict := range memory.From(0) {
				if place != len(got) {
					t.Fatalf("place %d comes behind %d verdicts", place, len(got))
				}
				got = append(got, verdict)
			}
			if memory.Len() != n || !slices.Equal(got, plain[from:from+n]) {
				t.Fatalf("%d verdicts from %d on are %v, of %v", n, from, got, plain)
			}
		}
	}
}
