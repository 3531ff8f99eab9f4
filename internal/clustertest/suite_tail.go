package clustertest

import (
	"bytes"
	"context"
	"errors"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
)

var ofTail = []sentence{
	{"Tail hands out the batches behind a sequence, those that are there and those that come, one after the other", func(x *trial) {
		at := x.found()
		term := x.leads(x.A, nodeA, 0).Term
		middle := x.adds(x.A, term, at, 20)
		x.tail(x.B, at, 20)
		got := make(chan [][]byte, 3)
		for _, from := range []chain.Position{at, middle} {
			x.streams.Go(func() { got <- x.tail(x.B, from, int(middle.Sequence+20-from.Sequence)) })
		}
		x.adds(x.A, term, middle, 20)
		whole, second := <-got, <-got
		if len(whole) < len(second) {
			whole, second = second, whole
		}
		if len(whole) != 40 || len(second) != 20 || !same(whole[20:], second) {
			x.Errorf("%d batches from the beginning, %d from the middle, and they differ", len(whole), len(second))
		}
	}},
	{"Tail: behind a sequence, also one that is behind the head", func(x *trial) {
		at := x.found()
		term := x.leads(x.A, nodeA, 0).Term
		ahead := at
		for range 3 {
			ahead = ahead.After(batch(ahead, 0))
		}
		got := make(chan [][]byte, 1)
		x.streams.Go(func() { got <- x.tail(x.B, ahead, 1) })
		head := x.adds(x.A, term, at, 4)
		if batches := <-got; x.positionBehind(ahead, batches) != head {
			x.Errorf("it hands out %x", batches)
		}
	}},
	{"Tail until take fails, and it returns the error", func(x *trial) {
		at := x.found()
		x.adds(x.A, x.leads(x.A, nodeA, 0).Term, at, 3)
		failed, calls := errors.New("take fails"), 0
		err := x.B.Tail(x.ctx, at.Sequence, func([]byte) error {
			if calls++; calls == 2 {
				return failed
			}
			return nil
		})
		if x.is(err, failed); calls != 2 {
			x.Errorf("take was called %d times", calls)
		}
	}},
	{"Tail until ctx is done", func(x *trial) {
		at := x.found()
		x.ends(func(ctx context.Context) error { return x.A.Tail(ctx, at.Sequence, func([]byte) error { return nil }) },
			context.Canceled, func(cancel func()) { cancel() })
	}},
	{"Tail until the connection is lost", func(x *trial) {
		if x.Lose == nil {
			x.Skip("this connection cannot be broken")
		}
		at := x.found()
		x.ends(func(ctx context.Context) error { return x.A.Tail(ctx, at.Sequence, func([]byte) error { return nil }) },
			nil, func(func()) { x.Lose() })
	}},
	{"Tail is a *CutError if the next one was cut", func(x *trial) {
		at := x.found()
		if first := x.cutAt(at.Sequence - 1); first != at.Sequence+1 {
			x.Errorf("what stands before the founding was cut, and the first is %d", first)
		}
		term := x.leads(x.A, nodeA, 0).Term
		x.adds(x.A, term, at, 5)
		x.must(x.A.Cut(x.ctx, term, at.Sequence+3, nil))
		for behind, want := range []uint64{at.Sequence + 4, at.Sequence + 4, at.Sequence + 4, 0, 0} {
			if first := x.cutAt(at.Sequence + uint64(behind)); first != want {
				x.Errorf("behind batch %d of five the first is %d, not %d", behind, first, want)
			}
		}
	}},
	{"The bytes of a batch may be kept", func(x *trial) {
		at := x.found()
		term := x.leads(x.A, nodeA, 0).Term
		x.adds(x.A, term, at, 3)
		first := x.tail(x.B, at, 3)
		want := [][]byte{bytes.Clone(first[0]), bytes.Clone(first[1]), bytes.Clone(first[2])}
		x.must(x.A.Cut(x.ctx, term, at.Sequence+3, nil))
		x.adds(x.A, term, x.view(x.A).Head, 3)
		x.tail(x.B, x.positionBehind(at, first), 3)
		if !same(first, want) {
			x.Error("they have changed")
		}
	}},
	{"Cut drops the batches up to a sequence, and the head stays where it is", func(x *trial) {
		at := x.found()
		term := x.leads(x.A, nodeA, 0).Term
		head := x.adds(x.A, term, at, 5)
		for _, c := range []struct{ upTo, first uint64 }{
			{at.Sequence, at.Sequence + 1},
			{0, at.Sequence + 1},
			{at.Sequence + 2, at.Sequence + 3},
			{at.Sequence + 1, at.Sequence + 3},
			{head.Sequence, head.Sequence + 1},
			{head.Sequence + 100, head.Sequence + 1},
		} {
			x.must(x.A.Cut(x.ctx, term, c.upTo, nil))
			if first := x.cutAt(at.Sequence - 1); first != c.first || x.view(x.B).Head != head {
				x.Errorf("cut up to %d the first is %d, not %d, or the head has moved", c.upTo, first, c.first)
			}
		}
		x.adds(x.A, term, head, 1)
		x.tail(x.B, head, 1)
	}},
	{"Cut: if the term is that of the present leader, else it is ErrOver", func(x *trial) {
		at := x.found()
		x.is(x.A.Cut(x.ctx, 0, at.Sequence, nil), cluster.ErrOver)
		old := x.leads(x.A, nodeA, 0).Term
		at = x.adds(x.A, old, at, 2)
		present := x.leads(x.B, nodeB, old).Term
		x.is(x.A.Cut(x.ctx, old, at.Sequence, nil), cluster.ErrOver)
		x.must(x.B.Resign(x.ctx, present))
		for _, term := range []uint64{0, old, present} {
			x.is(x.B.Cut(x.ctx, term, at.Sequence, nil), cluster.ErrOver)
		}
		x.tail(x.B, founding, 2)
	}},
	{"Cut: if each node that was counted has been there without a gap since it was seen, else it is ErrGone", func(x *trial) {
		at := x.found()
		term := x.leads(x.A, nodeA, 0).Term
		x.adds(x.A, term, at, 3)
		says := func() []cluster.Seen {
			x.must(x.A.Say(x.ctx, cluster.Status{Node: nodeA, Copied: at.Sequence + 1}))
			x.must(x.B.Say(x.ctx, cluster.Status{Node: nodeB, Copied: at.Sequence + 1}))
			return x.nodes()
		}
		before := says()
		x.eventually("both have gone", func() bool { return len(x.nodes()) == 0 })
		x.is(x.A.Cut(x.ctx, term, at.Sequence+1, before), cluster.ErrGone)
		after := says()
		x.is(x.A.Cut(x.ctx, term, at.Sequence+1, before[:1]), cluster.ErrGone)
		x.is(x.A.Cut(x.ctx, term, at.Sequence+1, []cluster.Seen{after[0], before[1]}), cluster.ErrGone)
		x.is(x.A.Cut(x.ctx, term, at.Sequence+1, append(after, cluster.Seen{Status: cluster.Status{Node: cluster.Node{Name: "c"}}})), cluster.ErrGone)
		x.tail(x.B, at, 3)
		x.must(x.A.Say(x.ctx, cluster.Status{Node: nodeA, Copied: at.Sequence + 2}))
		x.must(x.A.Cut(x.ctx, term, at.Sequence+1, after))
		if first := x.cutAt(at.Sequence); first != at.Sequence+2 {
			x.Errorf("the first is %d", first)
		}
	}},
}

func (x *trial) positionBehind(at chain.Position, batches [][]byte) chain.Position {
	for _, b := range batches {
		at = at.After(b)
	}
	return at
}
