package store

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"meterledger/internal/meter"
)

// refusal is one of a meter.
func refusal(i Index, slot meter.Slot, digits int64) Refusal {
	return Refusal{Reading: Reading{i, slot, reading(0, digits).Register}}
}

// registered has so many meters.
func registered(t *testing.T, meters int) *Store {
	t.Helper()
	s := New()
	b := AppendLevel(nil, LevelHolds)
	for i := range meters {
		b = AppendAccount(b, meter.Account{ID: meter.ID(fmt.Sprint("M", i)), OwnerName: "Tan", Address: "Road"})
	}
	apply(t, s, b)
	return s
}

// TestThePoolOfRefusalsKeepsWhatAListWouldKeep compares it with the plainest list, while
// frozen states are in use, which must stay as they were.
func TestThePoolOfRefusalsKeepsWhatAListWouldKeep(t *testing.T) {
	const meters, count = 40, 5000
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 14))
		s := registered(t, meters)
		var want, then []Refusal
		var frozen *FrozenState
		for n := range 20_000 {
			if n%1000 == 0 {
				if frozen != nil {
					if got := slices.Collect(frozen.refusals.all); !slices.Equal(got, then) {
						t.Fatalf("seed %d: a frozen state has changed: %d refusals, want %d", seed, len(got), len(then))
					}
					frozen.Thaw()
				}
				frozen, then = s.Freeze(), slices.Clone(want)
			}
			if len(want) > 0 && r.IntN(4) == 0 { // at an end, or anywhere
				at := [3]int{0, len(want) - 1, r.IntN(len(want))}[r.IntN(3)]
				s.forgetRefusal(want[at].Reading)
				want = without(want, at, false)
				continue
			}
			next := refusal(Index(r.IntN(meters)*r.IntN(2)), closedFrom+meter.Slot(r.IntN(3000)), int64(r.IntN(3)))
			next.IsConflict = r.IntN(2) == 0
			apply(t, s, AppendRefusals(nil, count, []Refusal{next}))
			same := func(k Refusal) bool { return k.Reading == next.Reading }
			if slices.ContainsFunc(want, same) {
				continue
			}
			sameMeter := func(k Refusal) bool { return k.Meter == next.Meter }
			ofMeter := 0
			for _, k := range want {
				if sameMeter(k) {
					ofMeter++
				}
			}
			if ofMeter == RefusedOfMeterMax {
				want = without(want, slices.IndexFunc(want, sameMeter), true)
			}
			if want = append(want, next); len(want) > count {
				want = without(want, 0, true)
			}
		}
		if got := slices.Collect(s.refusals.all); !slices.Equal(got, want) || s.refusals.count != len(want) {
			t.Fatalf("seed %d: %d refusals, want %d", seed, len(got), len(want))
		}
		for i := range Index(meters) {
			ofMeter := slices.DeleteFunc(slices.Clone(want), func(k Refusal) bool { return k.Meter != i })
			slices.SortStableFunc(ofMeter, func(a, b Refusal) int { return cmp.Compare(a.Slot, b.Slot) })
			if got := s.Refused(i); !slices.Equal(got, ofMeter) {
				t.Fatalf("seed %d: meter %d has %d, want %d", seed, i, len(got), len(ofMeter))
			}
		}
	}
}

// without removes a refusal, for want of room or not, and marks the next of its meter.
func without(all []Refusal, at int, pushedOut bool) []Refusal {
	gone := all[at]
	all = slices.Delete(all, at, at+1)
	next := slices.IndexFunc(all, func(k Refusal) bool { return k.Meter == gone.Meter })
	if next >= 0 && (gone.HasLost || pushedOut && !gone.IsConflict) {
		all[next].HasLost = true
	}
	return all
}

func TestTheOldestRefusalOfAMeterGoes(t *testing.T) {
	s := registered(t, 2)
	apply(t, s, AppendRefusals(nil, 1_000_000, []Refusal{refusal(1, 7, 7)}))
	for n := range RefusedOfMeterMax {
		apply(t, s, AppendRefusals(nil, 1_000_000, []Refusal{refusal(0, closedFrom-meter.Slot(n), 5)}))
	}
	want := s.Refused(0)
	apply(t, s, AppendRefusals(nil, 1_000_000, []Refusal{refusal(0, closedFrom-3, 5)})) // the same again
	if got := s.Refused(0); !slices.Equal(got, want) || len(got) != RefusedOfMeterMax {
		t.Fatalf("%d are kept, want %d", len(got), RefusedOfMeterMax)
	}
	apply(t, s, AppendRefusals(nil, 1_000_000, []Refusal{refusal(0, 5, 5)}))
	got := s.Refused(0)
	want = append([]Refusal{refusal(0, 5, 5)}, want[:len(want)-1]...)
	if want[len(want)-1].HasLost = true; !slices.Equal(got, want) {
		t.Errorf("of %d, the first is %v and the last %v", len(got), got[0], got[len(got)-1])
	}
	if counts := s.Refusals(); counts != (RefusalCounts{RefusedOfMeterMax + 1, RefusedOfMeterMax + 2, 1}) {
		t.Errorf("%+v", counts)
	}
	if len(s.Refused(1)) != 1 {
		t.Error("the other meter has lost its own")
	}
}

func TestTheOldestRefusalOfAllMetersGoes(t *testing.T) {
	s := registered(t, 5)
	for i := range Index(5) {
		apply(t, s, AppendRefusals(nil, 4, []Refusal{refusal(i, closedFrom, 5)}))
	}
	if counts := s.Refusals(); counts != (RefusalCounts{4, 5, 1}) || len(s.Refused(0)) != 0 {
		t.Errorf("%+v, of the first meter %v", counts, s.Refused(0))
	}
	apply(t, s, AppendRefusals(nil, 1, nil)) // another bound
	if count := s.Refusals().Kept; count != 1 || len(s.Refused(4)) != 1 {
		t.Errorf("%d are kept, of the last meter %v", count, s.Refused(4))
	}
	apply(t, s, AppendRefusals(nil, 0, []Refusal{refusal(1, closedFrom, 6)}))
	if count := s.Refusals().Kept; count != 0 || s.Footprint().Refusals != 0 {
		t.Errorf("%d are kept in %d bytes", count, s.Footprint().Refusals)
	}
}

// TestARefusalGoesOnceItsReadingIsRecorded takes it, also as one among many and from an operator,
// and finds it recorded.
func TestARefusalGoesOnceItsReadingIsRecorded(t *testing.T) {
	s := registered(t, 3)
	var many []Reading
	for n := range meter.Slot(packReadingsMin) {
		many = append(many, Reading{1, closedFrom + n, reading(0, 9).Register})
	}
	apply(t, s, AppendReading(nil, reading(closedFrom+1, 50)))
	apply(t, s, AppendRefusals(nil, 100, []Refusal{
		refusal(0, closedFrom, 40), refusal(0, closedFrom+1, 50), refusal(0, closedFrom+2, 60), refusal(0, closedFrom+3, 10), refusal(1, closedFrom+2, 9), refusal(2, closedFrom, 40),
	}))
	b := AppendReading(nil, reading(closedFrom, 40))
	b = AppendReading(b, reading(closedFrom+1, 50))
	b = AppendReadings(b, []Reading{reading(closedFrom+2, 60)}, true)
	b = AppendReading(b, reading(closedFrom+3, 10))
	b = AppendReadings(b, many, false)
	want(t, s, b, append([]Outcome{Accepted, Duplicate, Accepted, BelowEarlier}, slices.Repeat([]Outcome{Accepted}, len(many))...)...)
	left := []Refusal{refusal(0, closedFrom+3, 10), refusal(2, closedFrom, 40)}
	if got := slices.Collect(s.refusals.all); !slices.Equal(got, left) {
		t.Errorf("%v are kept, want %v", got, left)
	}
}

func TestRefusedMetersAreToldWithoutConflicts(t *testing.T) {
	s := registered(t, 5000)
	conflict := Refusal{Reading: Reading{4999, closedFrom - 9, reading(0, 1).Register}, IsConflict: true}
	apply(t, s, AppendRefusals(nil, 100, []Refusal{
		refusal(4999, closedFrom+4, 4), conflict, refusal(7, closedFrom, 2), refusal(4999, closedFrom+2, 3), refusal(4999, closedFrom+3, 9),
		{Reading: Reading{8, closedFrom, reading(0, 1).Register}, IsConflict: true},
	}))
	want := []RefusedMeter{
		{7, 1, meter.Point{Slot: closedFrom, Register: reading(0, 2).Register}, meter.Point{Slot: closedFrom, Register: reading(0, 2).Register}, reading(0, 2).Register, true, false},
		{4999, 3, meter.Point{Slot: closedFrom + 2, Register: reading(0, 3).Register}, meter.Point{Slot: closedFrom + 4, Register: reading(0, 4).Register}, reading(0, 9).Register, true, false},
	}
	if got := slices.Collect(s.AllRefused); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	kept := []Refusal{conflict, refusal(7, closedFrom, 3), refusal(7, closedFrom, 2)}
	if got := s.NotKept(kept); !slices.Equal(got, []Refusal{refusal(7, closedFrom, 3)}) {
		t.Errorf("%v are said not to be kept", got)
	}
}

// TestARefusedMeterSaysWhatIsNewAndWhatIsLost has a person give verdicts in between, and the state
// go through a snapshot.
func TestARefusedMeterSaysWhatIsNewAndWhatIsLost(t *testing.T) {
	s := registered(t, 2)
	verdict := AppendResolution(nil, Resolution{Meter: 1, Rule: meter.RuleDecreasing, From: closedFrom, Ruling: meter.AsItIs, Reason: "a bench"})
	says := func(when string, news, lost bool) {
		t.Helper()
		for _, s := range []*Store{s, thawed(t, s)} {
			if got := slices.Collect(s.AllRefused); len(got) != 1 || got[0].HasNews != news || got[0].HasLost != lost {
				t.Errorf("%s: %+v", when, got)
			}
		}
	}
	refuse := func(part ...Refusal) { t.Helper(); apply(t, s, AppendRefusals(nil, 3, part)) }
	refuse(refusal(1, closedFrom, 5), refusal(1, closedFrom+1, 6))
	says("at first", true, false)
	want(t, s, verdict, Accepted)
	says("with a verdict", false, false)
	refuse(refusal(1, closedFrom+1, 6))
	says("the same refused again", false, false)
	refuse(Refusal{Reading: Reading{1, closedFrom + 3, reading(0, 1).Register}, IsConflict: true})
	says("a conflict", false, false)
	want(t, s, verdict, Duplicate)
	refuse(refusal(1, closedFrom+2, 7))
	says("another, for which the oldest goes", true, true)
	want(t, s, verdict, Accepted)
	says("the same verdict once more", false, true)
	s.forgetRefusal(refusal(1, closedFrom+1, 6).Reading)
	says("the oldest is taken", false, true)
}

// TestARefusalTakesLittleWhoeverItIsOf has as many meters as refusals, and few.
func TestARefusalTakesLittleWhoeverItIsOf(t *testing.T) {
	const count = 200_000
	for _, ofMeter := range []int{1, 1000} {
		s := registered(t, count/ofMeter)
		var part []Refusal
		for n := range count {
			part = append(part, refusal(Index(n/ofMeter), closedFrom+meter.Slot(n%ofMeter), 5))
		}
		apply(t, s, AppendRefusals(nil, count, part))
		each := float64(s.Footprint().Refusals) / count
		t.Logf("%d of a meter: %.1f bytes each", ofMeter, each)
		if each > 48 {
			t.Errorf("%d of a meter: each takes %.1f bytes", ofMeter, each)
		}
	}
}
