package etcd_test

import (
	"context"
	"errors"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"meterledger/internal/cluster"
	"meterledger/internal/etcd"
	"meterledger/internal/etcdtest"
)

func TestNothingIsLostAndNothingIsThereTwiceWhenMembersAreKilledUnderAppends(t *testing.T) {
	running := etcdtest.Start(t, etcdtest.Options{Members: 3, Flags: quick})
	order := newOrder()
	a := newAppender(t, open(t, order, running.Endpoints()...), 4096)
	a.renew()
	adds := func(batches int) {
		for range batches {
			for a.add() != nil {
				a.lead()
			}
		}
	}
	for round := range 4 {
		adds(20)
		killed := running.Members[round%3]
		if round%2 == 0 {
			killed = leading(t, running)
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			killed.Kill()
		}()
		adds(20) // some of them while it dies
		<-ended
		adds(20)
		killed.Restart()
	}
	adds(20)
	if len(a.added) < 4*60 {
		t.Errorf("only %d batches were confirmed", len(a.added))
	}
	for _, m := range running.Members {
		a.check(open(t, order, m.Endpoint))
	}
}

// leading is the member that leads the others.
func leading(t *testing.T, running *etcdtest.Etcd) *etcdtest.Member {
	t.Helper()
	for _, m := range running.Members {
		status := again(t, func(ctx context.Context) (*clientv3.StatusResponse, error) {
			return running.Client(m.Endpoint).Status(ctx, m.Endpoint)
		})
		if status.Leader == status.Header.MemberId {
			return m
		}
	}
	return running.Members[0] // it has just changed
}

func TestABatchWhoseAnswerWasLostIsFoundWhenItIsSentAgain(t *testing.T) {
	running := etcdtest.Start(t, etcdtest.Options{Members: 1, Flags: quick})
	order, between := newOrder(), newProxy(t, running.Members[0].Endpoint)
	a, direct := newAppender(t, open(t, order, between.address()), 8), open(t, order, running.Members[0].Endpoint)
	a.renew()
	for range 5 {
		batch := a.next()
		end := a.end.After(batch)
		between.hold()
		lost := make(chan error, 1)
		go func() {
			_, _, err := a.Append(t.Context(), a.term, a.end, batch)
			lost <- err
		}()
		for again(t, direct.View).Head != end {
		}
		between.cut()
		if err := <-lost; err == nil || errors.Is(err, cluster.ErrRefused) {
			t.Errorf("without an answer the error is %v", err)
		}
		type answer struct {
			added bool
			cluster.View
		}
		got := again(t, func(ctx context.Context) (answer, error) {
			added, v, err := a.Append(ctx, a.term, a.end, batch)
			return answer{added, v}, err
		})
		if got.added || got.Head != end || got.Leader.Term != a.term {
			t.Errorf("sent again it is %+v", got)
		}
		a.end, a.added[end.Sequence] = end, batch
		if err := a.add(); err != nil {
			t.Fatal(err)
		}
	}
	a.check(direct)
}

func TestNothingIsAddedBehindALeaseThatEndsWhileAppendsGoOn(t *testing.T) {
	running := etcdtest.Start(t, etcdtest.Options{Members: 3, Flags: quick})
	order := newOrder()
	a := newAppender(t, open(t, order, running.Endpoints()...), 1024)
	var err error
	for begun := time.Now(); err == nil; err = a.add() {
		if time.Since(begun) > time.Minute {
			t.Fatal("the lease does not end")
		}
	}
	if !errors.Is(err, errOver) || len(a.added) == 0 {
		t.Fatalf("after %d batches: %v", len(a.added), err)
	}
	b := open(t, order, running.Endpoints()...)
	v := again(t, func(ctx context.Context) (cluster.View, error) { return b.Lead(ctx, nodeB, 0) })
	if v.Leader.Node != nodeB || v.Head != a.end {
		t.Errorf("the next leader sees %+v, and the last batch was %v", v, a.end)
	}
	if err := a.add(); !errors.Is(err, errOver) {
		t.Errorf("a batch of the older term: %v", err)
	}
	a.check(b)
}

// streams are a watch and a tail that have brought something.
func streams(t *testing.T, e *etcd.Engine, a *appender) (ended chan error) {
	t.Helper()
	ended = make(chan error, 2)
	watched, tailed := make(chan struct{}, 1000), make(chan struct{}, 1000)
	go func() {
		ended <- e.Watch(t.Context(), func(cluster.Leader) { watched <- struct{}{} })
	}()
	go func() {
		ended <- e.Tail(t.Context(), a.end.Sequence, func([]byte) error {
			tailed <- struct{}{}
			return nil
		})
	}()
	<-watched
	for tailing := false; !tailing; {
		if err := a.add(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-tailed:
			tailing = true
		case err := <-ended:
			t.Fatal(err)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return ended
}

// endWithin checks that both streams end by themselves.
func endWithin(t *testing.T, most time.Duration, ended chan error) {
	t.Helper()
	deadline := time.After(most)
	for range 2 {
		select {
		case err := <-ended:
			if err == nil || errors.Is(err, context.Canceled) {
				t.Errorf("a stream ends with %v", err)
			}
		case <-deadline:
			t.Fatal("a stream is silent")
		}
	}
}

func TestStreamsThroughAMemberWithoutQuorumEnd(t *testing.T) {
	running := etcdtest.Start(t, etcdtest.Options{Members: 3, Flags: quick})
	order := newOrder()
	a := newAppender(t, open(t, order, running.Endpoints()...), 8)
	a.renew()
	alone := open(t, order, running.Members[0].Endpoint)
	ended := streams(t, alone, a)
	running.Members[1].Kill()
	running.Members[2].Kill()
	endWithin(t, time.Minute, ended)
	if _, err := once(t, alone.View); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("what it holds is not refused at once: %v", err)
	}
	running.Members[1].Restart()
	for a.add() != nil {
		a.lead()
	}
	a.check(alone)
}

func TestStreamsEndWithTheConnection(t *testing.T) {
	running := etcdtest.Start(t, etcdtest.Options{Members: 1, Flags: quick})
	order, between := newOrder(), newProxy(t, running.Members[0].Endpoint)
	a := newAppender(t, open(t, order, running.Members[0].Endpoint), 8)
	a.renew()
	ended := streams(t, open(t, order, between.address()), a)
	between.cut()
	endWithin(t, time.Minute, ended)
}

// A member that is parted from the others takes calls and does not answer them for long.
func TestAMemberThatDoesNotAnswerKeepsNoStepForLong(t *testing.T) {
	running := etcdtest.Start(t, etcdtest.Options{Members: 1, Flags: quick})
	between := newProxy(t, running.Members[0].Endpoint)
	a := newAppender(t, open(t, newOrder(), between.address()), 8)
	a.renew()
	between.hold()
	ctx, end := context.WithTimeout(t.Context(), 10*time.Second) // before the connection is found to be dead
	defer end()
	calls := map[string]func() error{
		"View": func() error { _, err := a.View(ctx); return err },
		"Lead": func() error { _, err := a.Lead(ctx, nodeB, a.term); return err },
		"Append": func() error {
			_, _, err := a.Append(ctx, a.term, a.end, a.next())
			return err
		},
		"Say": func() error { return a.Say(ctx, cluster.Status{Node: nodeB}) },
	}
	ended := make(chan struct{})
	for name, call := range calls {
		go func() {
			if err := call(); err == nil || errors.Is(err, cluster.ErrRefused) || ctx.Err() != nil {
				t.Errorf("%s ends with %v", name, err)
			}
			ended <- struct{}{}
		}()
	}
	for range calls {
		<-ended
	}
}
