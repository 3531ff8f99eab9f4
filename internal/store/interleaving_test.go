package store

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// history is entries in batches, and the verdicts on each batch when its entries were
// applied one by one.
type history struct {
	batches  [][]byte
	verdicts [][]Verdict
	entries  [][]byte
	hash     [32]byte
}

// drawHistory draws one under either level, or with the level raised on its way.
func drawHistory(t *rapid.T, met map[string]int) (drawn history) {
	h, begin := newHistorian(t, met)
	switch rapid.SampledFrom([]string{"begun", "holds", "raised"}).Draw(t, "level") {
	case "holds":
		begin = append(begin, h.level())
	case "raised":
		h.raises = true
	}
	var batch []byte
	var verdicts []Verdict
	add := func(e entry) {
		batch, verdicts = append(batch, e.bytes...), append(verdicts, h.add(t, e)...)
		drawn.entries = append(drawn.entries, e.bytes)
	}
	end := func() {
		drawn.batches, drawn.verdicts = append(drawn.batches, batch), append(drawn.verdicts, verdicts)
		batch, verdicts = nil, nil
	}
	for _, e := range begin {
		add(e)
	}
	end()
	for range rapid.SampledFrom(lengths).Draw(t, "entries") {
		if add(h.next()); h.between(0, 4) == 0 {
			end()
		}
	}
	end()
	drawn.hash = h.s.Hash()
	return drawn
}

// goOn applies a history from a batch on.
func (h history) goOn(t *rapid.T, s *Store, from int) {
	for n := from; n < len(h.batches); n++ {
		if got := mustApply(t, s, h.batches[n]); !slices.Equal(got, h.verdicts[n]) {
			t.Fatalf("batch %d: %v, and %v before", n, got, h.verdicts[n])
		}
	}
	if s.Hash() != h.hash {
		t.Fatalf("the state is another one")
	}
}

// written is a state that was frozen before a batch, and written down some batches later.
type written struct {
	before  int
	hash    [32]byte
	records [][]byte
}

// freeze applies a history, and writes its state down now and then.
func (h history) freeze(t *rapid.T, s *Store) (all []written) {
	for n := 0; n < len(h.batches); {
		w := written{before: n, hash: s.Hash()}
		frozen := s.Freeze()
		until := min(n+rapid.IntRange(1, 20).Draw(t, "meanwhile"), len(h.batches))
		for ; n < until; n++ {
			if got := mustApply(t, s, h.batches[n]); !slices.Equal(got, h.verdicts[n]) {
				t.Fatalf("batch %d while frozen: %v, and %v before", n, got, h.verdicts[n])
			}
		}
		w.records = encodeState(t, frozen)
		frozen.Thaw()
		all = append(all, w)
	}
	if s.Hash() != h.hash {
		t.Fatalf("freezing has changed the state")
	}
	return all
}

// TestAHistoryComesToTheSameHoweverItIsCut applies histories one entry at a time, in the
// batches that they were drawn in, in one batch, in batches of other sizes, and from
// each of the states that were written down on their way.
func TestAHistoryComesToTheSameHoweverItIsCut(t *testing.T) {
	met := make(map[string]int)
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t, met)
		for _, w := range h.freeze(t, drawStore(t)) {
			restored, err := decodeState(w.records)
			if err != nil {
				t.Fatalf("the state before batch %d: %v", w.before, err)
			}
			if restored.Hash() != w.hash {
				t.Fatalf("the state before batch %d is not the one that was frozen", w.before)
			}
			h.goOn(t, restored, w.before)
		}
		whole := history{[][]byte{slices.Concat(h.entries...)}, [][]Verdict{slices.Concat(h.verdicts...)}, nil, h.hash}
		whole.goOn(t, drawStore(t), 0)
		s := drawStore(t)
		var verdicts []Verdict
		for from, to := 0, 0; from < len(h.entries); from = to {
			to = min(from+rapid.IntRange(1, 400).Draw(t, "size"), len(h.entries))
			verdicts = append(verdicts, mustApply(t, s, slices.Concat(h.entries[from:to]...))...)
		}
		if !slices.Equal(verdicts, whole.verdicts[0]) || s.Hash() != h.hash {
			t.Fatalf("in batches of other sizes the verdicts are %v, want %v", verdicts, whole.verdicts[0])
		}
	})
	wantMet(t, met, "from close", "from adopt", "closed again", "revised bills", "later bills", "taken of the refused")
	for k := range entryKinds {
		wantMet(t, met, fmt.Sprint("kind ", k))
	}
}
