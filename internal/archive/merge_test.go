package archive_test

import (
	"cmp"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
)

// agreeing draws a few models that hold parts of the same truth.
func agreeing(t *rapid.T) (parts []readings, truth readings) {
	w := meter.Window{From: 1_000_000, To: 1_000_020}
	whole := anyReadings(w, 10).Draw(t, "whole")
	truth = readings{}
	for range rapid.IntRange(0, 4).Draw(t, "parts") {
		part := readings{}
		for id, points := range whole {
			for _, p := range points {
				if rapid.Bool().Draw(t, "has it") {
					part[id] = append(part[id], p)
					truth[id] = append(truth[id], p)
				}
			}
		}
		parts = append(parts, part)
	}
	for id := range truth {
		slices.SortFunc(truth[id], func(a, b meter.Point) int { return cmp.Compare(a.Slot, b.Slot) })
		truth[id] = slices.Compact(truth[id])
	}
	return parts, truth
}

func sourcesOf(parts []readings) (sources []archive.Source) {
	for _, part := range parts {
		sources = append(sources, sourceOf(part))
	}
	return sources
}

// merge joins sources of which nothing was replaced.
func merge(sources ...archive.Source) archive.Source {
	merged := archive.Source(sourceOf(nil))
	for _, source := range sources {
		merged = archive.Merge(merged, source, neverReplaced)
	}
	return merged
}

func neverReplaced(meter.ID, meter.Point) bool { return false }

func TestMergingIsTheUnionInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts, truth := agreeing(t)
		if got := collect(t, merge(sourcesOf(parts)...)); !equal(got, truth) {
			t.Fatalf("merged %v into %v, want %v", parts, got, truth)
		}
		shuffled := rapid.Permutation(parts).Draw(t, "shuffled")
		if got := collect(t, merge(sourcesOf(shuffled)...)); !equal(got, truth) {
			t.Fatalf("merged %v into %v, want %v", shuffled, got, truth)
		}
		if len(parts) > 1 { // one after the other is the same as all at once
			nested := merge(merge(sourcesOf(parts[:1])...), merge(sourcesOf(parts[1:])...))
			if got := collect(t, nested); !equal(got, truth) {
				t.Fatalf("merged %v in two steps into %v, want %v", parts, got, truth)
			}
		}
	})
}

func TestTwoRegistersForOneTimeAreAConflictWhereverTheyStand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts, truth := agreeing(t)
		if len(truth) == 0 {
			return
		}
		id := rapid.SampledFrom(sortedIDs(truth)).Draw(t, "id")
		p := rapid.SampledFrom(truth[id]).Draw(t, "point")
		other, _ := meter.RegisterFromParts(123_456_789_123, 9)
		if other == p.Register {
			return
		}
		parts = append(parts, readings{id: {{Slot: p.Slot, Register: other}}})
		merged := merge(sourcesOf(rapid.Permutation(parts).Draw(t, "shuffled"))...)
		var err error
		for err == nil {
			_, err = merged.Next()
		}
		var conflict *archive.ConflictError
		if !errors.As(err, &conflict) {
			t.Fatalf("error %v, want meter %s to be in conflict at %d", err, id, p.Slot)
		}
		if conflict.Meter != id || conflict.Slot != p.Slot ||
			min(conflict.A.String(), conflict.B.String()) != min(other.String(), p.Register.String()) ||
			max(conflict.A.String(), conflict.B.String()) != max(other.String(), p.Register.String()) {
			t.Fatalf("error %+v, want meter %s to be in conflict at %d", conflict, id, p.Slot)
		}
	})
}

func sortedIDs(model readings) []meter.ID { return sourceOf(model).ids }

// broken is a source that fails after its first meters.
type broken struct {
	archive.Source
	good int
	err  error
}

func (b *broken) Next() (archive.Rows, error) {
	if b.good--; b.good < 0 {
		return archive.Rows{}, b.err
	}
	return b.Source.Next()
}

func TestTheErrorOfASourceIsTheErrorOfTheMerge(t *testing.T) {
	model := readings{"A": {{Slot: 1}}, "B": {{Slot: 1}}, "C": {{Slot: 1}}}
	reason := errors.New("disk on fire")
	for good := range 3 {
		merged := merge(sourceOf(model), &broken{sourceOf(model), good, reason})
		var err error
		for err == nil {
			_, err = merged.Next()
		}
		if !errors.Is(err, reason) {
			t.Errorf("after %d meters: error %v", good, err)
		}
	}
}

// TestRowsThatWereReplacedAreNotMerged takes the first rows of a file for replaced.
func TestRowsThatWereReplacedAreNotMerged(t *testing.T) {
	one, two, three := meter.Point{Slot: 1}, meter.Point{Slot: 2}, meter.Point{Slot: 3}
	old := meter.Point{Slot: 1, Register: kwh(t, "9")}
	replaced := func(id meter.ID, p meter.Point) bool { return id != "D" && p == old }
	file := readings{"A": {old, three}, "B": {old}, "C": {old, two}, "E": {one}}
	for name, c := range map[string]struct {
		known, want readings
		join        func(known, file archive.Source) archive.Source
	}{
		"of a day": {
			readings{"A": {one, two}, "E": {one}},
			readings{"A": {one, two, three}, "C": {two}, "E": {one}},
			func(known, file archive.Source) archive.Source { return archive.Merge(known, file, replaced) },
		},
		"of a month, whose rows are in memory": {
			readings{"A": {one, three}, "B": {}, "C": {two}, "F": {two}},
			readings{"A": {one, three}, "C": {two}, "E": {one}, "F": {two}},
			func(known, file archive.Source) archive.Source {
				return archive.WithMemory(file, whole{known}, replaced)
			},
		},
		"of a month, whose rows are in the file": {
			readings{},
			file,
			func(known, file archive.Source) archive.Source { return archive.WithMemory(file, known, replaced) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := collect(t, c.join(sourceOf(c.known), sourceOf(file))); !equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
	join := archive.Merge(sourceOf(readings{"D": {one}}), sourceOf(readings{"D": {old}}), replaced)
	if _, err := join.Next(); err == nil {
		t.Error("another meter's row was taken for replaced")
	}
}

// whole is a source of memory whose rows are whole.
type whole struct{ archive.Source }

func (w whole) Next() (archive.Rows, error) {
	rows, err := w.Source.Next()
	rows.IsWhole = true
	return rows, err
}
