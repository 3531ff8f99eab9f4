package httpkit

import (
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"testing"
)

// peer is a connection from an address.
type peer struct {
	net.Conn
	addr   string
	closed bool
}

func (p *peer) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(p.addr), 1))
}

func (p *peer) Close() error {
	p.closed = true
	return nil
}

// queue is a listener of connections that are there already.
type queue struct {
	net.Listener
	peers []net.Conn
}

func (q *queue) Accept() (net.Conn, error) {
	if len(q.peers) == 0 {
		return nil, io.EOF
	}
	next := q.peers[0]
	q.peers = q.peers[1:]
	return next, nil
}

// bounded is a program with few connections.
type bounded struct {
	*connections
	queue *queue
}

func newBounded(all, network int, proxies ...netip.Prefix) *bounded {
	q := &queue{}
	b := &bounded{newConnections(q, proxies, slog.New(slog.DiscardHandler)), q}
	b.all.max, b.networkMax = all, network
	return b
}

// connect returns the caller's end of a connection, and the program's, which is nil if the
// program has refused it.
func (b *bounded) connect(addr string) (*peer, net.Conn) {
	p := &peer{addr: addr}
	b.queue.peers = append(b.queue.peers, p)
	c, err := b.Accept()
	if err != nil {
		return p, nil
	}
	return p, c
}

func TestTheConnectionThatWasIdleForTheLongestTimeMakesRoom(t *testing.T) {
	b := newBounded(3, 3)
	first, _ := b.connect("127.0.0.1")
	second, busy := b.connect("127.0.0.1")
	third, third2 := b.connect("127.0.0.1")
	b.track(busy, http.StateActive)
	if _, c := b.connect("127.0.0.1"); c == nil || !first.closed || second.closed || third.closed {
		t.Errorf("closed: %v, %v, %v; want the first", first.closed, second.closed, third.closed)
	}
	b.track(third2, http.StateActive)
	b.track(third2, http.StateIdle) // now the fourth is idle for longer
	b.track(busy, http.StateIdle)
	fifth, c := b.connect("127.0.0.1")
	if c == nil || third.closed || second.closed {
		t.Errorf("closed: %v, %v; want the fourth", second.closed, third.closed)
	}
	b.connect("127.0.0.1")
	b.connect("127.0.0.1")
	if !third.closed || !second.closed || fifth.closed {
		t.Errorf("closed: %v, %v, %v; want the third and the second", second.closed, third.closed, fifth.closed)
	}
}

func TestABusyConnectionMakesNoRoom(t *testing.T) {
	b := newBounded(2, 2)
	for range 2 {
		_, c := b.connect("192.0.2.1")
		b.track(c, http.StateActive)
	}
	if p, c := b.connect("198.51.100.1"); c != nil || !p.closed {
		t.Error("a third connection was let in")
	}
}

func TestANetworkHasABoundOfItsOwn(t *testing.T) {
	b := newBounded(100, 2, netip.MustParsePrefix("10.0.0.0/24"))
	for _, tt := range []struct {
		addresses []string
		isBounded bool
	}{
		{[]string{"192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1"}, true},
		{[]string{"2001:db8::1", "2001:db8::2", "2001:db8::ffff:0:0:1"}, true},
		{[]string{"198.51.100.1", "198.51.100.2", "198.51.100.3"}, false},
		{[]string{"2001:db8:1::1", "2001:db8:1:1::1", "2001:db8:1:2::1"}, false},
		{[]string{"127.0.0.1", "127.0.0.1", "127.0.0.1"}, false},
		{[]string{"::1", "::1", "::1"}, false},
		{[]string{"10.0.0.7", "10.0.0.7", "10.0.0.7"}, false},
		{[]string{"10.0.1.7", "10.0.1.7", "10.0.1.7"}, true},
	} {
		var peers []*peer
		for _, address := range tt.addresses {
			p, c := b.connect(address)
			if c == nil {
				t.Errorf("%s is refused", address)
			}
			peers = append(peers, p)
		}
		if peers[0].closed != tt.isBounded || peers[1].closed || peers[2].closed {
			t.Errorf("%v: closed are %v, %v, %v", tt.addresses, peers[0].closed, peers[1].closed, peers[2].closed)
		}
	}
}

func TestTheJournalHasDescriptorsLeft(t *testing.T) {
	for descriptors, want := range map[int]int{256: 128, 1024: 512, 4096: 3584, 65536: connectionsMax, 1 << 20: connectionsMax} {
		if got := connectionBound(descriptors); got != want {
			t.Errorf("of %d descriptors %d are for connections, want %d", descriptors, got, want)
		}
	}
}

// modelled is a connection of the model: a list of them, oldest first.
type modelled struct {
	*peer
	c    net.Conn
	busy bool
}

// TestWhichConnectionsAreThereIsThatOfTheNaiveModel has callers of three networks connect, ask,
// get answers and hang up in any order.
func TestWhichConnectionsAreThereIsThatOfTheNaiveModel(t *testing.T) {
	for seed := range uint64(200) {
		chance := rand.New(rand.NewPCG(seed, 1))
		b := newBounded(1+chance.IntN(6), 1+chance.IntN(4))
		var there []modelled
		for step := range 200 {
			i := chance.IntN(len(there) + 1)
			switch chance.IntN(4) {
			case 0, 1:
				there = b.connectInModel(t, there, fmt.Sprintf("192.0.2.%d", chance.IntN(3)))
			case 2:
				if i < len(there) {
					m := there[i]
					m.busy = !m.busy
					b.track(m.c, map[bool]http.ConnState{true: http.StateActive, false: http.StateIdle}[m.busy])
					there = append(slices.Delete(there, i, i+1), m)
				}
			case 3:
				if i < len(there) {
					m := there[i]
					_ = m.c.Close()
					b.track(m.c, http.StateActive) // which net/http may still say
					there = slices.Delete(there, i, i+1)
				}
			}
			for _, m := range there {
				if m.closed {
					t.Fatalf("seed %d, step %d: a connection of %s was closed", seed, step, m.addr)
				}
			}
			if b.all.members.Len() != len(there) {
				t.Fatalf("seed %d, step %d: %d connections are known, want %d", seed, step, b.all.members.Len(), len(there))
			}
		}
		for _, m := range there {
			_ = m.c.Close()
		}
		if b.all.idle != 0 || len(b.networks) != 0 {
			t.Fatalf("seed %d: %d idle and %d networks are left", seed, b.all.idle, len(b.networks))
		}
	}
}

// connectInModel connects, and returns the connections that must be there then.
func (b *bounded) connectInModel(t *testing.T, there []modelled, addr string) []modelled {
	t.Helper()
	isOfNetwork := func(m modelled) bool { return m.addr == addr }
	isOfAll := func(modelled) bool { return true }
	refused := false
	var gone []*peer
	for _, bound := range []struct {
		has func(modelled) bool
		max int
	}{{isOfNetwork, b.networkMax}, {isOfAll, b.all.max}} {
		n := 0
		for _, m := range there {
			if bound.has(m) {
				n++
			}
		}
		if refused || n < bound.max {
			continue
		}
		oldest := slices.IndexFunc(there, func(m modelled) bool { return bound.has(m) && !m.busy })
		if refused = oldest < 0; !refused {
			gone = append(gone, there[oldest].peer)
			there = slices.Delete(there, oldest, oldest+1)
		}
	}
	p, c := b.connect(addr)
	if (c == nil) != refused || p.closed != refused || slices.ContainsFunc(gone, func(p *peer) bool { return !p.closed }) {
		t.Fatalf("refused %v, want %v; those that make room: %v", c == nil, refused, gone)
	}
	if refused {
		return there
	}
	return append(there, modelled{p, c, false})
}
