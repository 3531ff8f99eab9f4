package e2e

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/anishathalye/porcupine"
)

// told is an operation at one of several nodes, and what its caller was told of the one order that they share.
type told struct {
	porcupine.Operation
	after   uint64 // the order had come to this batch before the call, as the caller of a local read said, or anybody had been told
	at      uint64 // the order had come to this batch when the answer was made
	isLocal bool   // a read of what the node knew, which may have been old
}

// inTime returns what must be as if there were one node: each operation takes effect between its call and its answer. Local
// reads are left out.
func inTime(all []told) (history []porcupine.Operation) {
	for _, o := range all {
		if !o.isLocal {
			history = append(history, o.Operation)
		}
	}
	return history
}

// inOrder returns all operations, local reads too, by the places in the order at which they may stand, in place of times.
// Of two that were told of the same batch the one that had ended before the other was called comes first. So a node may
// be behind, but each answer is one that some beginning of the order explains, and nobody who names what he was
// told is shown less.
func inOrder(all []told) (history []porcupine.Operation) {
	type moment struct {
		batch uint64
		time  int64
		set   *int64
	}
	var moments []moment
	history = make([]porcupine.Operation, len(all))
	for i, o := range all {
		history[i] = o.Operation
		history[i].Metadata = fmt.Sprintf("(batches %d to %d, local: %v, %d to %d ns)", o.after, o.at, o.isLocal, o.Call, o.Return)
		moments = append(moments, moment{o.after, o.Call, &history[i].Call})
		if o.Return != openEnd {
			moments = append(moments, moment{max(o.after, o.at), o.Return, &history[i].Return})
		}
	}
	slices.SortStableFunc(moments, func(a, b moment) int { return cmp.Or(cmp.Compare(a.batch, b.batch), cmp.Compare(a.time, b.time)) })
	for rank, m := range moments {
		*m.set = int64(rank)
	}
	return history
}

// wantOneOrder wants the history of one meter over several nodes to be legal.
func wantOneOrder(t *testing.T, name string, all []told) {
	t.Helper()
	wantLegal(t, name+" in time", inTime(all))
	wantLegal(t, name+" in order", inOrder(all))
}

func TestNodesAreLegalWhereOneOrderExplainsThem(t *testing.T) {
	step := func(time int64, input, output any, after, at uint64, isLocal bool) told {
		return told{porcupine.Operation{Input: input, Output: output, Call: time, Return: time + 5}, after, at, isLocal}
	}
	none, one, two := registers{}, registers{3: 30}, registers{3: 30, 5: 50}
	first, second := step(0, post{3, 30}, success, 0, 7, false), step(10, post{5, 50}, success, 7, 8, false)
	for name, c := range map[string]struct {
		history []told
		time    bool
		order   bool
	}{
		"a strong read that sees all":            {[]told{first, second, step(20, query{}, two, 8, 8, false)}, true, true},
		"a strong read that is behind":           {[]told{first, second, step(20, query{}, one, 8, 7, false)}, false, false},
		"a local read that is behind":            {[]told{first, second, step(20, query{}, one, 0, 7, true)}, true, true},
		"a local read of no beginning":           {[]told{first, second, step(20, query{}, registers{5: 50}, 0, 8, true)}, true, false},
		"a local read from nowhere":              {[]told{first, second, step(20, query{}, registers{4: 40}, 0, 8, true)}, true, false},
		"a local read of what comes later":       {[]told{step(0, query{}, one, 0, 6, true), step(10, post{3, 30}, success, 6, 7, false)}, true, false},
		"a read after the write":                 {[]told{first, second, step(20, query{}, two, 8, 8, true)}, true, true},
		"a read after the write that lacks it":   {[]told{first, second, step(20, query{}, one, 8, 8, true)}, true, false},
		"a read after a read that shows less":    {[]told{first, second, step(20, query{}, two, 0, 8, true), step(30, query{}, one, 8, 9, true)}, true, false},
		"a read that does not name what it saw":  {[]told{first, second, step(20, query{}, two, 0, 8, true), step(30, query{}, one, 0, 9, true)}, true, true},
		"a position that is too low":             {[]told{first, second, step(20, query{}, two, 0, 7, true)}, true, true},
		"a position too low, and a read after":   {[]told{first, second, step(20, query{}, two, 0, 7, true), step(30, query{}, none, 7, 9, true)}, true, false},
		"two local reads that differ in order":   {[]told{first, second, step(20, query{}, one, 0, 9, true), step(21, query{}, registers{5: 50}, 0, 9, true)}, true, false},
		"a strong read of what is not confirmed": {[]told{first, step(20, query{}, two, 7, 8, false)}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := porcupine.CheckOperations(meterModel, inTime(c.history)); got != c.time {
				t.Errorf("legal in time: %v, want %v", got, c.time)
			}
			if got := porcupine.CheckOperations(meterModel, inOrder(c.history)); got != c.order {
				t.Errorf("legal in order: %v, want %v\n%s", got, c.order, describe(inOrder(c.history)...))
			}
		})
	}
}
