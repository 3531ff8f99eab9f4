package clustertest

import (
	"context"
	"errors"
	"sync"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
)

var ofLeader = []sentence{
	{"Lead makes a node the leader in a new term, if nobody leads", func(x *trial) {
		at := x.found()
		leader := x.leads(x.A, nodeA, 0)
		if v := x.view(x.B); v != (cluster.View{Leader: leader, Head: at}) {
			x.Errorf("it holds %+v", v)
		}
	}},
	{"Lead makes a node the leader, if the term of the present leader is instead", func(x *trial) {
		x.found()
		old := x.leads(x.A, nodeA, 0)
		present := x.leads(x.B, nodeB, old.Term)
		for _, instead := range []uint64{0, old.Term, present.Term + 1} {
			if v, err := x.A.Lead(x.ctx, nodeA, instead); err != nil || v.Leader != present {
				x.Errorf("who leads instead of %d sees %+v, %v", instead, v, err)
			}
		}
		x.must(x.B.Resign(x.ctx, present.Term))
		for _, instead := range []uint64{old.Term, present.Term} {
			if v, err := x.A.Lead(x.ctx, nodeA, instead); err != nil || v.Leader != (cluster.Leader{}) {
				x.Errorf("while nobody leads, who leads instead of %d sees %+v, %v", instead, v, err)
			}
		}
	}},
	{"Terms rise from leader to leader, and are never 0", func(x *trial) {
		at := x.found()
		last := x.leads(x.A, nodeA, 0).Term
		for n := range 6 {
			instead := last
			if n%2 == 0 {
				x.must(x.A.Resign(x.ctx, last))
				instead = 0
			}
			term := x.leads(x.B, nodeB, instead).Term
			if term <= last {
				x.Errorf("term %d follows %d", term, last)
			}
			at = x.adds(x.B, term, at, 1)
			last = term
		}
	}},
	{"If it names the node as its leader, no batch of an older term comes behind its head", func(x *trial) {
		at := x.found()
		old := x.leads(x.A, nodeA, 0).Term
		led := make(chan struct{})
		added, end := x.addsUntil(led, old, at)
		<-added
		v, err := x.B.Lead(x.ctx, nodeB, old)
		x.must(err)
		close(led)
		last := <-end
		if now := x.view(x.B); v.Leader.Node != nodeB || now != v || last.Head != v.Head {
			x.Errorf("it led with the view %+v, the older term ended with %+v, and now the engine holds %+v", v, last, now)
		}
	}},
	{"It names the node as its leader, be it by an earlier call", func(x *trial) {
		at := x.found()
		leader := x.leads(x.A, nodeA, 0)
		for _, instead := range []uint64{0, leader.Term + 1} {
			if v, err := x.A.Lead(x.ctx, nodeA, instead); err != nil || v != (cluster.View{Leader: leader, Head: at}) {
				x.Errorf("asked again it is %+v, %v", v, err)
			}
		}
		x.adds(x.A, leader.Term, at, 1)
	}},
	{"A term ends by itself LeaseTime after the call, or soon after that", func(x *trial) {
		at := x.found()
		term := x.leadsOnce(x.A, nodeA, 0).Term
		x.eventually("nobody leads", func() bool { return x.view(x.B).Leader == cluster.Leader{} })
		x.addsNot(x.A, term, at)
		x.leads(x.B, nodeB, 0)
	}},
	{"Renew keeps a term from ending by itself for LeaseTime after the call; the connection need not be the one that led", func(x *trial) {
		at := x.found()
		var term uint64
		var held cluster.View
		x.eventually("the term is renewed in time", func() bool {
			if leader := x.view(x.A).Leader.Term; leader != 0 {
				x.must(x.A.Resign(x.ctx, leader))
			}
			term = x.leadsOnce(x.A, nodeA, 0).Term
			renewed := true // a call that fails may have done nothing
			return x.during(3*cluster.LeaseTime, cluster.LeaseTime*9/10, func() {
				renewed = x.B.Renew(x.ctx, term) == nil && renewed
				held = x.view(x.A)
			}) && renewed
		})
		if held.Leader.Term != term || held.Head != at {
			x.Fatalf("it holds %+v", held)
		}
		x.eventually("it ends when it is not renewed any more", func() bool { return x.view(x.B).Leader == cluster.Leader{} })
	}},
	{"Renew is ErrOver once the term has ended", func(x *trial) {
		x.found()
		x.is(x.A.Renew(x.ctx, 0), cluster.ErrOver)
		resigned := x.leads(x.A, nodeA, 0).Term
		x.must(x.A.Resign(x.ctx, resigned))
		x.is(x.A.Renew(x.ctx, resigned), cluster.ErrOver)
		x.is(x.A.Renew(x.ctx, 0), cluster.ErrOver)
		takenOver := x.leads(x.A, nodeA, 0).Term
		runsOut := x.leadsOnce(x.B, nodeB, takenOver).Term
		x.is(x.A.Renew(x.ctx, takenOver), cluster.ErrOver)
		x.must(x.B.Renew(x.ctx, runsOut))
		x.eventually("nobody leads", func() bool { return x.view(x.B).Leader == cluster.Leader{} })
		x.is(x.B.Renew(x.ctx, runsOut), cluster.ErrOver)
	}},
	{"Resign ends a term", func(x *trial) {
		at := x.found()
		term := x.leads(x.A, nodeA, 0).Term
		x.must(x.B.Resign(x.ctx, term))
		if v := x.addsNot(x.A, term, at); v != (cluster.View{Head: at}) {
			x.Errorf("it holds %+v", v)
		}
	}},
	{"Resign: if it has not ended yet; it is no error if it has", func(x *trial) {
		x.found()
		old := x.leads(x.A, nodeA, 0).Term
		present := x.leads(x.B, nodeB, old)
		for _, term := range []uint64{0, old, present.Term + 1} {
			x.must(x.A.Resign(x.ctx, term))
		}
		if leader := x.view(x.A).Leader; leader != present {
			x.Errorf("the leader is %+v", leader)
		}
		x.must(x.A.Resign(x.ctx, present.Term))
		x.must(x.A.Resign(x.ctx, present.Term))
		x.must(x.A.Resign(x.ctx, 0))
	}},
	{"Watch calls watch with the leader at once", func(x *trial) {
		if got := x.watch().newest(); got != (cluster.Leader{}) {
			x.Errorf("before the founding it is %+v", got)
		}
		x.found()
		leader := x.leads(x.A, nodeA, 0)
		if got := x.watch().newest(); got != leader {
			x.Errorf("it is %+v", got)
		}
	}},
	{"Who is named last leads, or another call of watch follows", func(x *trial) {
		at := x.found()
		w := x.watch()
		names := func(want cluster.Leader) {
			x.Helper()
			x.eventually("watch names who leads", func() bool { return w.newest() == want })
		}
		names(cluster.Leader{})
		leader := x.leads(x.A, nodeA, 0)
		names(leader)
		x.adds(x.A, leader.Term, at, 1)
		leader = x.leads(x.B, nodeB, leader.Term)
		names(leader)
		x.must(x.B.Resign(x.ctx, leader.Term))
		names(cluster.Leader{})
		names(x.leadsOnce(x.A, nodeA, 0))
		names(cluster.Leader{}) // the term has ended by itself
		names(x.leads(x.A, nodeA, 0))
		x.must(x.B.Halt(x.ctx, 20))
		names(cluster.Leader{})
	}},
	{"Watch until ctx is done", func(x *trial) {
		x.ends(func(ctx context.Context) error { return x.A.Watch(ctx, func(cluster.Leader) {}) },
			context.Canceled, func(cancel func()) { cancel() })
	}},
	{"Watch until the connection is lost", func(x *trial) {
		if x.Lose == nil {
			x.Skip("this connection cannot be broken")
		}
		x.ends(func(ctx context.Context) error { return x.A.Watch(ctx, func(cluster.Leader) {}) }, nil, func(func()) { x.Lose() })
	}},
}

// addsUntil adds batches from A until one is not added, or some time after the channel was closed. It says when the
// first was added, and at the end what A was told, or what it added last.
func (x *trial) addsUntil(over <-chan struct{}, term uint64, at chain.Position) (first <-chan struct{}, end <-chan cluster.View) {
	added, told := make(chan struct{}), make(chan cluster.View, 1)
	x.streams.Go(func() {
		last := cluster.View{Head: at}
		for more := 20; more > 0; {
			b := batch(last.Head, 0)
			ours, v, err := x.A.Append(x.ctx, term, last.Head, b)
			if x.must(err); !ours {
				last = v
				break
			}
			if last.Head == at {
				close(added)
			}
			last.Head = last.Head.After(b)
			select {
			case <-over:
				more--
			default:
			}
		}
		told <- last
	})
	return added, told
}

// watcher knows whom a watch has named last.
type watcher struct {
	mu     sync.Mutex // guards named
	named  cluster.Leader
	called chan struct{} // closed when it has named one, or has ended
}

func (x *trial) watch() *watcher {
	w := &watcher{called: make(chan struct{})}
	called := sync.OnceFunc(func() { close(w.called) })
	x.streams.Go(func() {
		defer called()
		err := x.A.Watch(x.ctx, func(l cluster.Leader) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.named = l
			called()
		})
		if !errors.Is(err, context.Canceled) {
			x.Errorf("the watch ended: %v", err)
		}
	})
	return w
}

// newest waits for the first call.
func (w *watcher) newest() cluster.Leader {
	<-w.called
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.named
}
