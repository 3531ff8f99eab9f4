package clustertest

import (
	"bytes"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
)

var ofOrder = []sentence{
	{"If it wraps ErrRefused then the change was not made, and the same call would be refused again; one of more than AppendBytesMax is ErrRefused", func(x *trial) {
		at := x.found()
		term := x.leads(x.A, nodeA, 0).Term
		largest := chain.Encode(nil, at, make([]byte, cluster.AppendBytesMax-len(batch(at, 0))+8))
		tooLarge := chain.Encode(nil, at, make([]byte, len(largest)))
		for range 2 {
			added, _, err := x.A.Append(x.ctx, term, at, tooLarge)
			x.is(err, cluster.ErrRefused)
			if head := x.view(x.B).Head; added || head != at {
				x.Errorf("added %t, the head is %v", added, head)
			}
		}
		if added, _, err := x.A.Append(x.ctx, term, at, largest); !added || err != nil || len(largest) != cluster.AppendBytesMax {
			x.Errorf("a batch of %d bytes: added %t, %v", len(largest), added, err)
		}
	}},
	{"View returns what the engine holds at a moment between call and answer", func(x *trial) {
		at := x.found()
		leader := x.leads(x.A, nodeA, 0)
		for range 20 {
			at = x.adds(x.A, leader.Term, at, 1)
			if v := x.view(x.B); v != (cluster.View{Leader: leader, Head: at}) {
				x.Fatalf("behind batch %d it holds %+v", at.Sequence, v)
			}
		}
	}},
	{"Append adds the batch that follows a position", func(x *trial) {
		at := x.found()
		b := batch(at, 5)
		added, _, err := x.A.Append(x.ctx, x.leads(x.A, nodeA, 0).Term, at, b)
		if head := x.view(x.B).Head; err != nil || !added || head != at.After(b) {
			x.Errorf("added %t, %v: the head is %v", added, err, head)
		}
		if got := x.tail(x.B, at, 1); !same(got, [][]byte{b}) {
			x.Errorf("it is handed out as %x", got)
		}
	}},
	{"Append adds if that is the head", func(x *trial) {
		at := x.found()
		term := x.leads(x.A, nodeA, 0).Term
		head := x.adds(x.A, term, at, 2)
		x.addsNot(x.A, term, at)
		for _, other := range []chain.Position{
			{Journal: head.Journal, Sequence: head.Sequence, Hash: chain.Hash{8}},
			{Journal: head.Journal, Sequence: head.Sequence - 1, Hash: head.Hash},
			{Journal: head.Journal, Sequence: head.Sequence + 1, Hash: head.Hash},
			{Journal: chain.ID{8}, Sequence: head.Sequence, Hash: head.Hash},
			{},
		} {
			x.addsNot(x.A, term, other)
		}
		x.adds(x.A, term, head, 1)
	}},
	{"Append adds if the term is that of the present leader", func(x *trial) {
		at := x.found()
		x.addsNot(x.A, 0, at)
		old := x.leads(x.A, nodeA, 0).Term
		x.addsNot(x.A, 0, at)
		x.addsNot(x.A, old+1, at)
		at = x.adds(x.A, old, at, 1)
		present := x.leads(x.B, nodeB, old)
		if v := x.addsNot(x.A, old, at); v.Leader != present || v.Head != at {
			x.Errorf("the view is %+v", v)
		}
		at = x.adds(x.B, present.Term, at, 1)
		x.must(x.B.Resign(x.ctx, present.Term))
		for _, term := range []uint64{0, old, present.Term, present.Term + 1} {
			x.addsNot(x.A, term, at)
		}
	}},
	{"Append: a call may arrive twice, and adds once", func(x *trial) {
		at := x.found()
		leader := x.leads(x.A, nodeA, 0)
		head := x.adds(x.A, leader.Term, at, 1)
		added, v, err := x.A.Append(x.ctx, leader.Term, at, batch(at, 0))
		if err != nil || added || v != (cluster.View{Leader: leader, Head: head}) {
			x.Errorf("added %t, %v, and the view is %+v", added, err, v)
		}
		if v := x.view(x.B); v.Head != head {
			x.Errorf("the head is %v", v.Head)
		}
	}},
	{"If Append did not add, the view is that of the same step", func(x *trial) {
		at := x.found()
		old := x.leads(x.A, nodeA, 0).Term
		led := make(chan struct{})
		added, end := x.addsUntil(led, old, at)
		<-added
		leader := x.leads(x.B, nodeB, old)
		close(led)
		if last, now := <-end, x.view(x.B); last != now || last.Leader != leader {
			x.Errorf("the view was %+v, and the engine holds %+v", last, now)
		}
	}},
	{"Once Append has returned, the bytes of the batch may be changed", func(x *trial) {
		at := x.found()
		b := batch(at, 5)
		want := bytes.Clone(b)
		added, _, err := x.A.Append(x.ctx, x.leads(x.A, nodeA, 0).Term, at, b)
		clear(b)
		if got := x.tail(x.B, at, 1); err != nil || !added || !same(got, [][]byte{want}) {
			x.Errorf("added %t, %v: it is handed out as %x", added, err, got)
		}
	}},
}
