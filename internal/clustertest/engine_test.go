package clustertest

import (
	"errors"
	"syscall"
	"testing"
	"testing/synctest"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
)

func TestAnEngineThatIsRolledBackHoldsWhatItHeldThen(t *testing.T) {
	faulty(t, 5, func(t *testing.T, e *Engine, c, good *Client, l cluster.Leader, head chain.Position) {
		begin, batches := e.Order()
		then := begin
		for _, b := range batches[:3] {
			then = then.After(b)
		}
		x := &trial{T: t, Subject: Subject{A: c, B: good}, ctx: t.Context()}
		x.must(c.Cut(t.Context(), l.Term, head.Sequence, nil))
		x.must(c.Say(t.Context(), cluster.Status{Node: nodeA}))
		last := x.leads(good, nodeB, l.Term)
		broken := make(chan error, 2)
		go func() { broken <- c.Tail(t.Context(), head.Sequence, func([]byte) error { return nil }) }()
		go func() { broken <- c.Watch(t.Context(), func(cluster.Leader) {}) }()
		synctest.Wait()
		id, before, err := c.Identity(t.Context())
		x.must(err)
		x.must(e.RollBack(then.Sequence))
		if now, after, err := c.Identity(t.Context()); err != nil || now != id || after >= before {
			x.Errorf("it was %x at %d, and is %x at %d, %v", id, before, now, after, err)
		}
		for range 2 {
			x.is(<-broken, syscall.ECONNRESET)
		}
		if v := x.view(c); v != (cluster.View{Leader: l, Head: then}) {
			x.Errorf("it holds %+v", v)
		}
		if len(x.nodes()) != 0 {
			x.Error("it knows nodes")
		}
		x.tail(c, begin, 3) // was not cut then
		x.is(good.Renew(t.Context(), last.Term), cluster.ErrOver)
		x.adds(c, l.Term, then, 1)
		if next := x.leads(good, nodeB, l.Term); next.Term <= last.Term {
			x.Errorf("term %d comes again", next.Term)
		}
		x.must(e.RollBack(begin.Sequence))
		if v := x.view(c); v != (cluster.View{Head: begin}) {
			x.Errorf("at its founding it holds %+v", v)
		}
		if e.RollBack(begin.Sequence+1) == nil || e.RollBack(begin.Sequence-1) == nil {
			x.Error("it is rolled back to where it has not been")
		}
	})
}

func TestATermMayEndEarly(t *testing.T) {
	faulty(t, 0, func(t *testing.T, e *Engine, c, good *Client, l cluster.Leader, head chain.Position) {
		x := &trial{T: t, Subject: Subject{A: c, B: good}, ctx: t.Context()}
		e.Expire()
		if err := c.Renew(t.Context(), l.Term); !errors.Is(err, cluster.ErrOver) {
			x.Errorf("it is renewed: %v", err)
		}
		x.adds(good, x.leads(good, nodeB, 0).Term, head, 1)
	})
}

func TestAnEngineWithoutRoomTakesNoBatch(t *testing.T) {
	faulty(t, 1, func(t *testing.T, e *Engine, c, good *Client, l cluster.Leader, head chain.Position) {
		x := &trial{T: t, Subject: Subject{A: c, B: good}, ctx: t.Context()}
		e.Fill(true)
		added, _, err := c.Append(t.Context(), l.Term, head, batch(head, 0))
		if x.is(err, cluster.ErrRefused); added || x.view(good).Head != head {
			x.Error("the batch is added")
		}
		x.must(c.Renew(t.Context(), l.Term))
		e.Fill(false)
		x.adds(c, l.Term, head, 1)
	})
}
