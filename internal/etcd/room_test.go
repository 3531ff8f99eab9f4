package etcd_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"meterledger/internal/cluster"
	"meterledger/internal/etcdtest"
)

// fills adds batches until there is no room.
func (a *appender) fills() {
	a.Helper()
	var err error
	for err == nil {
		err = a.add()
	}
	if !errors.Is(err, cluster.ErrRefused) || !strings.Contains(err.Error(), "--quota-backend-bytes") || !strings.Contains(err.Error(), "etcdctl alarm disarm") {
		a.Errorf("after %d batches: %v", len(a.added), err)
	}
}

func TestWithoutRoomAppendIsRefusedAndSaysWhatToDo(t *testing.T) {
	running := etcdtest.Start(t, etcdtest.Options{Members: 1, Flags: append([]string{"--quota-backend-bytes", "2097152"}, quick...)})
	e := open(t, newOrder(), running.Endpoints()...)
	a := newAppender(t, e, 64<<10)
	a.renew()
	a.fills()
	if _, err := e.Lead(t.Context(), nodeB, a.term); !errors.Is(err, cluster.ErrRefused) {
		t.Errorf("leading without room: %v", err)
	}
	if err := e.Say(t.Context(), cluster.Status{Node: nodeB}); !errors.Is(err, cluster.ErrRefused) {
		t.Errorf("saying something without room: %v", err)
	}
	wantRefuses := func(want bool) {
		t.Helper()
		if u, err := e.Usage(t.Context()); err != nil || u.Refuses != want {
			t.Errorf("the engine says that it takes %+v: %v", u, err)
		}
	}
	wantRefuses(true)
	a.check(e)
	if err := e.Cut(t.Context(), a.term, a.end.Sequence, nil); err != nil {
		t.Errorf("cutting without room: %v", err)
	}
	client := running.Client(running.Endpoints()...)
	if _, err := client.Defragment(t.Context(), running.Members[0].Endpoint); err != nil {
		t.Fatal(err)
	}
	if _, err := client.AlarmDisarm(t.Context(), &clientv3.AlarmMember{}); err != nil {
		t.Fatal(err)
	}
	wantRefuses(false)
	if err := a.add(); err != nil {
		t.Errorf("after what is to be done: %v", err)
	}
}

// An etcd that finds while it adds a batch that there is no more room says so, and has added it.
func TestWhatIsRefusedForWantOfRoomIsNotThere(t *testing.T) {
	running := etcdtest.Start(t, etcdtest.Options{Members: 3, Flags: append([]string{"--quota-backend-bytes", "16777216"}, quick...)})
	appenders := make([]*appender, 16)
	for n := range appenders {
		appenders[n] = newAppender(t, open(t, newOrder(), running.Members[n%3].Endpoint), 32<<10)
		appenders[n].renew()
	}
	var all sync.WaitGroup
	for _, a := range appenders {
		all.Go(func() {
			a.fills()
			if v := again(t, a.View); v.Head != a.end {
				t.Errorf("the head is %v, and the last that was confirmed is %v", v.Head, a.end)
			}
		})
	}
	all.Wait()
}

func TestWhatAnEtcdDoesNotAllowIsRefused(t *testing.T) {
	running := etcdtest.Start(t, etcdtest.Options{Members: 1, Flags: append([]string{"--max-request-bytes", "65536"}, quick...)})
	e := open(t, newOrder(), running.Endpoints()...)
	a := newAppender(t, e, 256<<10)
	if err := a.add(); !errors.Is(err, cluster.ErrRefused) || !strings.Contains(err.Error(), "--max-request-bytes") {
		t.Errorf("a batch that is too large for the etcd: %v", err)
	}
	if v := again(t, e.View); v.Head != founding {
		t.Errorf("the head is %v", v.Head)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Resign(ctx, a.term); !errors.Is(err, context.Canceled) || errors.Is(err, cluster.ErrRefused) {
		t.Errorf("of a call that was given up: %v", err)
	}
}
