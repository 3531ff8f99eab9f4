package clustertest

import (
	"errors"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
)

var ofFounding = []sentence{
	{"Found makes the order of a journal begin behind a position", func(x *trial) {
		at := x.found()
		if v := x.view(x.B); v != (cluster.View{Head: at}) {
			x.Errorf("it holds %+v", v)
		}
		x.adds(x.B, x.leads(x.B, nodeB, 0).Term, at, 1)
	}},
	{"Found once: it is ErrFounded if there is one", func(x *trial) {
		at := x.found()
		x.is(x.A.Found(x.ctx, ordered), cluster.ErrFounded)
		x.is(x.B.Found(x.ctx, cluster.Order{At: chain.Position{Journal: chain.ID{9}, Sequence: 99}}), cluster.ErrFounded)
		if head := x.view(x.B).Head; head != at {
			x.Errorf("the head is %v", head)
		}
	}},
	{"Before Found, Founded, View, Lead, Append, Halt, Mend, Leave and Tail are ErrNotFounded", func(x *trial) {
		for what, err := range x.needFounding() {
			if !errors.Is(err, cluster.ErrNotFounded) {
				x.Errorf("%s is answered with %v", what, err)
			}
		}
		x.found()
		if v := x.view(x.A); v != (cluster.View{Head: founding}) {
			x.Errorf("then it holds %+v", v)
		}
	}},
	{"Founded returns what the order was founded with", func(x *trial) {
		at := x.found()
		returns := func() {
			x.Helper()
			if o, err := x.B.Founded(x.ctx); err != nil || o != ordered {
				x.Errorf("it is %+v, %v", o, err)
			}
		}
		returns()
		x.adds(x.A, x.leads(x.A, nodeA, 0).Term, at, 1)
		returns()
		x.must(x.A.Halt(x.ctx, 99))
		returns()
	}},
	{"Identity: the id is never 0 and stays; the revision rises with every change", func(x *trial) {
		id, last, err := x.A.Identity(x.ctx)
		if err != nil || id == 0 {
			x.Fatalf("it is %x, %v", id, err)
		}
		term, end := uint64(0), founding
		for _, change := range []func(){
			func() { x.found() },
			func() { term = x.leads(x.A, nodeA, 0).Term },
			func() { end = x.adds(x.A, term, end, 1) },
			func() { x.must(x.A.Say(x.ctx, cluster.Status{Node: nodeA})) },
			func() { x.must(x.A.Say(x.ctx, cluster.Status{Node: nodeA})) },
			func() { x.must(x.A.Halt(x.ctx, end.Sequence+1)) },
			func() { x.mends(x.A, end) },
			func() { x.must(x.A.Leave(x.ctx, "a", end.After(batch(end, 0)))) },
		} {
			change()
			now, revision, err := x.B.Identity(x.ctx)
			if err != nil || now != id || revision <= last {
				x.Errorf("it was %x at %d, and is %x at %d, %v", id, last, now, revision, err)
			}
			last = revision
		}
	}},
	{"Halt: from then on nobody leads and nothing is added", func(x *trial) {
		at := x.found()
		old := x.leads(x.A, nodeA, 0).Term
		at = x.adds(x.A, old, at, 1)
		x.must(x.B.Halt(x.ctx, 20))
		halted := cluster.View{Head: at, Halted: 20}
		if v := x.addsNot(x.A, old, at); v != halted {
			x.Errorf("it holds %+v", v)
		}
		x.is(x.A.Renew(x.ctx, old), cluster.ErrOver)
		x.is(x.A.Cut(x.ctx, old, at.Sequence, nil), cluster.ErrOver)
		for _, instead := range []uint64{0, old} {
			if v, err := x.A.Lead(x.ctx, nodeA, instead); err != nil || v != halted {
				x.Errorf("who leads instead of %d sees %+v, %v", instead, v, err)
			}
		}
		x.addsNot(x.A, 0, at)
		if got := x.tail(x.A, founding, 1); len(got) != 1 {
			x.Error("what was added is not handed out")
		}
	}},
	{"Halt: of several the highest counts", func(x *trial) {
		x.found()
		for _, copied := range []uint64{20, 1000, 300} {
			x.must(x.A.Halt(x.ctx, copied))
		}
		if v := x.view(x.B); v.Halted != 1000 {
			x.Errorf("it holds %+v", v)
		}
	}},
	{"Mend adds the batch that follows a position, if the engine is halted; with the batch that it is halted for the halt ends", func(x *trial) {
		at := x.found()
		old := x.leads(x.A, nodeA, 0).Term
		at = x.adds(x.A, old, at, 1)
		x.mendsNot(x.A, at)
		x.must(x.B.Halt(x.ctx, at.Sequence+3))
		for n := range 3 {
			x.mendsNot(x.A, founding)
			if v := x.view(x.B); v != (cluster.View{Head: at, Halted: founding.Sequence + 4}) {
				x.Errorf("after %d of three it holds %+v", n, v)
			}
			at = x.mends(x.B, at)
		}
		if v := x.view(x.A); v != (cluster.View{Head: at}) {
			x.Errorf("mended it holds %+v", v)
		}
		x.mendsNot(x.A, at)
		x.tail(x.A, founding, 4)
		x.adds(x.B, x.leads(x.B, nodeB, 0).Term, at, 1)
	}},
	{"Mend, all else is as Append has it: a call may arrive twice, and one of more than AppendBytesMax is ErrRefused", func(x *trial) {
		at := x.found()
		x.must(x.A.Halt(x.ctx, at.Sequence+2))
		_, _, err := x.A.Mend(x.ctx, at, make([]byte, cluster.AppendBytesMax+1))
		x.is(err, cluster.ErrRefused)
		b := batch(at, 0)
		end := x.mends(x.A, at)
		added, v, err := x.A.Mend(x.ctx, at, b)
		if added || err != nil || v != (cluster.View{Head: end, Halted: at.Sequence + 2}) {
			x.Errorf("added %t, %v, and the view is %+v", added, err, v)
		}
	}},
	{"Leave ends the order for good; afterwards all that was ErrNotFounded is a *LeftError", func(x *trial) {
		at := x.leaves()
		for what, err := range x.needFounding() {
			var left *cluster.LeftError
			if what != "Leave" && (!errors.As(err, &left) || *left != cluster.LeftError{Node: "a", At: at}) {
				x.Errorf("%s is answered with %v", what, err)
			}
		}
	}},
	{"Leave: the same again is no error", func(x *trial) {
		at := x.leaves()
		x.must(x.B.Leave(x.ctx, "a", at))
		for _, err := range []error{x.B.Leave(x.ctx, "b", at), x.B.Leave(x.ctx, "a", founding)} {
			var left *cluster.LeftError
			if !errors.As(err, &left) || *left != (cluster.LeftError{Node: "a", At: at}) {
				x.Errorf("another one is answered with %v", err)
			}
		}
	}},
	{"Leave if that is the head, nobody leads, and nothing is halted, else it is ErrRefused", func(x *trial) {
		at := x.found()
		term := x.leads(x.A, nodeA, 0).Term
		end := x.adds(x.A, term, at, 1)
		x.is(x.A.Leave(x.ctx, "a", end), cluster.ErrRefused)
		x.must(x.A.Resign(x.ctx, term))
		x.is(x.A.Leave(x.ctx, "a", at), cluster.ErrRefused)
		x.is(x.A.Leave(x.ctx, "a", chain.Position{Journal: end.Journal, Sequence: end.Sequence, Hash: chain.Hash{8}}), cluster.ErrRefused)
		x.must(x.A.Halt(x.ctx, end.Sequence+1))
		x.is(x.A.Leave(x.ctx, "a", end), cluster.ErrRefused)
		if v := x.view(x.B); v != (cluster.View{Head: end, Halted: end.Sequence + 1}) {
			x.Errorf("it holds %+v", v)
		}
		end = x.mends(x.A, end)
		x.must(x.A.Leave(x.ctx, "a", end))
	}},
	{"So is Found, unless it makes the order of the same journal begin behind a later position", func(x *trial) {
		at := x.leaves()
		later := at.After(batch(at, 77))
		other := later
		other.Journal = chain.ID{9}
		for _, refused := range []chain.Position{founding, at, other} {
			var left *cluster.LeftError
			if err := x.B.Found(x.ctx, cluster.Order{At: refused}); !errors.As(err, &left) || left.At != at {
				x.Errorf("behind %v: %v", refused, err)
			}
		}
		o := cluster.Order{At: later, Zone: "Europe/Berlin"}
		x.must(x.B.Found(x.ctx, o))
		if got, err := x.A.Founded(x.ctx); err != nil || got != o {
			x.Errorf("it is %+v, %v", got, err)
		}
		if first := x.cutAt(founding.Sequence); first != later.Sequence+1 {
			x.Errorf("the order begins with batch %d", first)
		}
		var left *cluster.LeftError
		if err := x.A.Leave(x.ctx, "a", at); errors.As(err, &left) || !errors.Is(err, cluster.ErrRefused) {
			x.Errorf("the leaving of before arrives again: %v", err)
		}
		x.adds(x.A, x.leads(x.A, nodeA, 0).Term, later, 1)
		x.tail(x.B, later, 1)
	}},
}

// needFounding makes each call that needs an order.
func (x *trial) needFounding() map[string]error {
	_, founded := x.A.Founded(x.ctx)
	_, view := x.A.View(x.ctx)
	_, lead := x.A.Lead(x.ctx, nodeA, 0)
	_, _, added := x.A.Append(x.ctx, 0, chain.Position{}, batch(chain.Position{}, 0))
	_, _, mended := x.A.Mend(x.ctx, chain.Position{}, batch(chain.Position{}, 0))
	return map[string]error{
		"Founded": founded, "View": view, "Lead": lead, "Append": added, "Halt": x.A.Halt(x.ctx, 1), "Mend": mended,
		"Leave": x.A.Leave(x.ctx, "a", chain.Position{}), "Tail": x.A.Tail(x.ctx, 0, func([]byte) error { return errEnough }),
	}
}

// leaves founds an order, adds to it and leaves it, and returns its end.
func (x *trial) leaves() chain.Position {
	x.Helper()
	at := x.found()
	term := x.leads(x.A, nodeA, 0).Term
	at = x.adds(x.A, term, at, 2)
	x.must(x.A.Resign(x.ctx, term))
	x.must(x.A.Leave(x.ctx, "a", at))
	return at
}

// mends puts a batch back, which must succeed, and returns its end.
func (x *trial) mends(e cluster.Engine, at chain.Position) chain.Position {
	x.Helper()
	b := batch(at, 0)
	if added, v, err := e.Mend(x.ctx, at, b); !added || err != nil {
		x.Fatalf("batch %d is not put back: %+v, %v", at.Sequence+1, v, err)
	}
	return at.After(b)
}

// mendsNot puts a batch back, which must not succeed.
func (x *trial) mendsNot(e cluster.Engine, at chain.Position) {
	x.Helper()
	before := x.view(e)
	added, v, err := e.Mend(x.ctx, at, batch(at, 99))
	x.must(err)
	if added || v != before || x.view(e) != before {
		x.Errorf("put back behind %d: added %t, the engine holds %+v, before %+v", at.Sequence, added, v, before)
	}
}
