package etcd

import (
	"context"
	"errors"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"
	"google.golang.org/grpc/balancer"
	"google.golang.org/grpc/balancer/base"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/status"

	"meterledger/internal/cluster"
)

// standIn answers in the place of a member.
type standIn struct {
	pb.UnimplementedKVServer
	pb.UnimplementedMaintenanceServer
	pb.UnimplementedWatchServer
	endpoint string
	asked    atomic.Int64
	watched  atomic.Int64          // by so many streams
	fault    atomic.Pointer[error] // instead of an answer
}

var errHangs = errors.New("it does not answer")

func (s *standIn) Txn(ctx context.Context, r *pb.TxnRequest) (*pb.TxnResponse, error) {
	s.asked.Add(1)
	switch fault := s.fault.Load(); {
	case fault == nil:
	case errors.Is(*fault, errHangs):
		<-ctx.Done()
		return nil, ctx.Err()
	default:
		return nil, *fault
	}
	answer := &pb.TxnResponse{Header: &pb.ResponseHeader{}}
	for range r.Success {
		answer.Responses = append(answer.Responses, &pb.ResponseOp{Response: &pb.ResponseOp_ResponseRange{ResponseRange: &pb.RangeResponse{}}})
	}
	return answer, nil
}

// Status is known to a member without the others, unless it hangs.
func (s *standIn) Status(ctx context.Context, _ *pb.StatusRequest) (*pb.StatusResponse, error) {
	if fault := s.fault.Load(); fault != nil && errors.Is(*fault, errHangs) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &pb.StatusResponse{}, nil
}

// Watch is silent.
func (s *standIn) Watch(w pb.Watch_WatchServer) error {
	s.watched.Add(1)
	<-w.Context().Done()
	return w.Context().Err()
}

func (s *standIn) set(fault error) {
	if fault == nil {
		s.fault.Store(nil)
		return
	}
	s.fault.Store(&fault)
}

// openStandIns returns an engine that has connections to three.
func openStandIns(t *testing.T) (*Engine, []*standIn) {
	t.Helper()
	var all []*standIn
	var endpoints []string
	for range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s, server := &standIn{endpoint: l.Addr().String()}, grpc.NewServer()
		pb.RegisterKVServer(server, s)
		pb.RegisterMaintenanceServer(server, s)
		pb.RegisterWatchServer(server, s)
		go func() { _ = server.Serve(l) }()
		t.Cleanup(server.Stop)
		all, endpoints = append(all, s), append(endpoints, s.endpoint)
	}
	e, err := Open(Options{Endpoints: endpoints, Cluster: "north"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	for _, s := range all {
		for s.asked.Load() == 0 {
			isAnswered(t, e)
		}
	}
	return e, all
}

// isAnswered asks once.
func isAnswered(t *testing.T, e *Engine) bool {
	t.Helper()
	_, err := e.View(t.Context())
	if err == nil {
		t.Fatal("there is no order")
	}
	return errors.Is(err, cluster.ErrNotFounded)
}

// A member that is parted from the others costs a call, and not every third one.
func TestAMemberThatDoesNotAnswerIsPassedOver(t *testing.T) {
	for name, fault := range map[string]error{"has no quorum": rpctypes.ErrGRPCNoLeader, "hangs": errHangs} {
		t.Run(name, func(t *testing.T) {
			e, all := openStandIns(t)
			all[1].set(fault)
			for isAnswered(t, e) {
			}
			before := all[1].asked.Load()
			for range 30 {
				if _, err := e.Usage(t.Context()); err != nil { // of which it does know
					t.Fatal(err)
				}
				if !isAnswered(t, e) {
					t.Error("a call is not answered, though two members do")
				}
			}
			if more := all[1].asked.Load() - before; more > 0 {
				t.Errorf("it is asked %d times more", more)
			}
			if all[0].asked.Load() < 10 || all[2].asked.Load() < 10 {
				t.Error("the others are not asked in turn")
			}
		})
	}
}

func TestOfMembersThatDoNotAnswerEachIsAskedAgain(t *testing.T) {
	e, all := openStandIns(t)
	for _, s := range all {
		s.set(rpctypes.ErrGRPCNoLeader)
	}
	for range 30 {
		if isAnswered(t, e) {
			t.Fatal("it is answered")
		}
	}
	for _, s := range all {
		if s.asked.Load() < 10 {
			t.Errorf("one is asked %d times of 30", s.asked.Load())
		}
	}
	all[2].set(nil)
	for range 2 {
		isAnswered(t, e)
	}
	for range 30 {
		if !isAnswered(t, e) {
			t.Error("the one that answers is not asked")
		}
	}
}

// TestWhatAMemberStreamsEndsWhenItHasNotAnswered, and nothing that others do.
func TestWhatAMemberStreamsEndsWhenItHasNotAnswered(t *testing.T) {
	e, all := openStandIns(t)
	const streams = 12
	watching, watched := make(chan struct{}, streams), make(chan error, streams)
	for range streams {
		go func() {
			watched <- e.Watch(t.Context(), func(cluster.Leader) { watching <- struct{}{} })
		}()
		<-watching
	}
	begun := func() (streams int64) {
		for _, s := range all {
			streams += s.watched.Load()
		}
		return streams
	}
	for begun() < streams {
		runtime.Gosched()
	}
	all[1].set(rpctypes.ErrGRPCNoLeader)
	for isAnswered(t, e) {
	}
	for range all[1].watched.Load() {
		if err := <-watched; !errors.Is(err, errMissed) {
			t.Errorf("a stream ends with %v", err)
		}
	}
	for range 30 {
		isAnswered(t, e)
	}
	select {
	case err := <-watched:
		t.Errorf("a stream of another member ends with %v", err)
	default:
	}
	if all[1].watched.Load() == 0 || all[1].watched.Load() == streams {
		t.Errorf("%d of %d streams are its", all[1].watched.Load(), streams)
	}
}

// fakeConn is a connection that is only picked.
type fakeConn struct {
	balancer.SubConn
	_ byte // so that no two are the same
}

func TestAMemberIsPassedOverForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		of := newMembers()
		conns := map[balancer.SubConn]base.SubConnInfo{}
		a, b, c := &fakeConn{}, &fakeConn{}, &fakeConn{}
		for conn, address := range map[*fakeConn]string{a: "a", b: "b", c: "c"} {
			conns[conn] = base.SubConnInfo{Address: resolver.Address{Addr: address}}
		}
		picks := func() (times map[balancer.SubConn]int) {
			times = make(map[balancer.SubConn]int)
			p := of.Build(base.PickerBuildInfo{ReadySCs: conns}) // as when another connection comes or goes
			for range 30 {
				picked, err := p.Pick(balancer.PickInfo{Ctx: t.Context()})
				if err != nil {
					t.Fatal(err)
				}
				times[picked.SubConn]++
			}
			return times
		}
		for name, c := range map[string]struct {
			err  error
			wait time.Duration
			want int
		}{
			"no quorum":                     {rpctypes.ErrGRPCNoLeader, 0, 0},
			"no answer":                     {status.FromContextError(context.DeadlineExceeded).Err(), passedOver - 1, 0},
			"no answer, a while ago":        {status.FromContextError(context.DeadlineExceeded).Err(), passedOver, 10},
			"a call that was given up":      {context.Canceled, 0, 10},
			"a leader that has changed":     {rpctypes.ErrGRPCLeaderChanged, 0, 10},
			"an answer":                     {nil, 0, 10},
			"an answer that refuses":        {status.Error(codes.ResourceExhausted, "no space"), 0, 10},
			"the end of a stream by itself": {status.FromContextError(context.Canceled).Err(), 0, 10},
		} {
			of.heard("a", c.err)
			time.Sleep(c.wait)
			if times := picks(); times[a] != c.want {
				t.Errorf("after %s it is picked %d times of 30, want %d", name, times[a], c.want)
			}
			time.Sleep(passedOver)
		}
		if _, err := of.Build(base.PickerBuildInfo{}).Pick(balancer.PickInfo{}); !errors.Is(err, balancer.ErrNoSubConnAvailable) {
			t.Errorf("without a connection: %v", err)
		}
	})
}

// TestAMemberThatHangsDoesNotKeepWhoAsksWhichEtcdItIs: its connection is well, so nothing else would end the call.
func TestAMemberThatHangsDoesNotKeepWhoAsksWhichEtcdItIs(t *testing.T) {
	e, all := openStandIns(t)
	for _, s := range all {
		s.set(errHangs)
	}
	ctx, done := context.WithTimeout(t.Context(), 10*stepMax)
	defer done()
	if _, _, err := e.Identity(ctx); err == nil || ctx.Err() != nil {
		t.Errorf("who it is was asked for as long as the caller waited: %v", err)
	}
	if _, err := e.Usage(ctx); err == nil || ctx.Err() != nil {
		t.Errorf("how full it is was asked for as long as the caller waited: %v", err)
	}
}
