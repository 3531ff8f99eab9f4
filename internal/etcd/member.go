package etcd

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/balancer"
	"google.golang.org/grpc/balancer/base"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/grpc/status"
)

const (
	// A member that has come back is found within reconnectMax: what gRPC does by itself is two minutes.
	reconnectMin = 100 * time.Millisecond
	reconnectMax = time.Second
	// A connection that is silent is given up after both, the shortest that gRPC takes and an etcd allows.
	aliveEvery = 10 * time.Second
	aliveWait  = 3 * time.Second
	// passedOver is for how long a member that did not answer is asked only if the others did not either: longer than a
	// connection is kept that is silent.
	passedOver = aliveEvery + aliveWait + 2*time.Second

	scheme = "etcd-members"             // of the connection's target
	policy = "meterledger_etcd_members" // by which gRPC picks one of them
)

// connect prepares a connection to all members, and does not wait for it.
func connect(o Options) (*grpc.ClientConn, error) {
	var members []resolver.Address
	for _, endpoint := range o.Endpoints {
		members = append(members, resolver.Address{Addr: endpoint, ServerName: endpoint})
	}
	addresses := manual.NewBuilderWithScheme(scheme)
	addresses.InitialState(resolver.State{Addresses: members})
	secured := insecure.NewCredentials()
	if o.TLS != nil {
		secured = credentials.NewTLS(o.TLS)
	}
	return grpc.NewClient(scheme+":///",
		grpc.WithResolvers(addresses),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig": [{"`+policy+`": {}}]}`),
		grpc.WithTransportCredentials(secured),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: aliveEvery, Timeout: aliveWait}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: reconnectMin, Multiplier: 2, Jitter: 0.2, MaxDelay: reconnectMax},
			MinConnectTimeout: o.DialTimeout,
		}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32)), // a page of batches is larger than what gRPC takes by itself
	)
}

func init() { balancer.Register(policyBuilder{}) }

// policyBuilder makes what picks the members of each connection.
type policyBuilder struct{}

func (policyBuilder) Name() string { return policy }

func (policyBuilder) Build(conn balancer.ClientConn, o balancer.BuildOptions) balancer.Balancer {
	return base.NewBalancerBuilder(policy, newMembers(), base.Config{}).Build(conn, o)
}

// members are those of an etcd, of which each is asked in turn. One that is parted from the others, or hangs, would
// keep every call that goes to it until the call is given up, and be silent to those who watch. So a member that did not
// answer is passed over for a while, and what it streams is ended; if all are, the one that has been so for longest is asked.
type members struct {
	mu      sync.Mutex           // guards all below
	missed  map[string]time.Time // when a call to an address was not answered last
	streams map[*stream]string   // to which address each goes
	turn    int
}

func newMembers() *members {
	return &members{missed: make(map[string]time.Time), streams: make(map[*stream]string)}
}

// stream is one that ends with an error when its member has missed a call.
type stream struct{ end context.CancelCauseFunc }

// streamKey is that of a context's stream.
type streamKey struct{}

// streaming returns a context for one stream, and what ends it.
func streaming(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, end := context.WithCancelCause(clientv3.WithRequireLeader(ctx))
	return context.WithValue(ctx, streamKey{}, &stream{end}), end
}

var errMissed = errors.New("the member of the etcd that streams has not answered a call")

// Build implements base.PickerBuilder: it is called when a connection was made or lost.
func (m *members) Build(info base.PickerBuildInfo) balancer.Picker {
	if len(info.ReadySCs) == 0 {
		return base.NewErrPicker(balancer.ErrNoSubConnAvailable)
	}
	p := &picker{members: m}
	for conn, at := range info.ReadySCs {
		p.reached = append(p.reached, member{at.Address.Addr, balancer.PickResult{SubConn: conn, Done: func(d balancer.DoneInfo) {
			m.heard(at.Address.Addr, d.Err)
		}}})
	}
	slices.SortFunc(p.reached, func(a, b member) int { return cmp.Compare(a.address, b.address) })
	return p
}

// heard notes how a call has ended.
func (m *members) heard(address string, err error) {
	switch status.Code(err) {
	case codes.DeadlineExceeded, codes.Unavailable: // it has no quorum, says an etcd by the latter
		if errors.Is(rpctypes.Error(err), rpctypes.ErrLeaderChanged) {
			return // it has a quorum again
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.missed[address] = time.Now()
		for s, at := range m.streams {
			if at == address {
				s.end(errMissed)
			}
		}
	}
}

// drop forgets a stream that has ended.
func (m *members) drop(s *stream) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.streams, s)
}

// picker picks one of the members to which there is a connection.
type picker struct {
	*members
	reached []member // by address
}

// member is one of them, and what is made of picking it.
type member struct {
	address string
	picked  balancer.PickResult
}

// Pick implements balancer.Picker.
func (p *picker) Pick(info balancer.PickInfo) (balancer.PickResult, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	to := p.next()
	if s, isStream := info.Ctx.Value(streamKey{}).(*stream); isStream {
		p.streams[s] = to.address
		heard := to.picked.Done
		to.picked.Done = func(d balancer.DoneInfo) {
			p.drop(s)
			heard(d)
		}
	}
	return to.picked, nil
}

// next is the member to be asked now.
func (p *picker) next() member {
	p.turn++
	best, longest := 0, time.Duration(-1)
	for i := range p.reached {
		at := (p.turn + i) % len(p.reached)
		if since := min(time.Since(p.missed[p.reached[at].address]), passedOver); since > longest {
			best, longest = at, since
		}
	}
	return p.reached[best]
}
