package httpkit

import (
	linked "container/list"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"

	"meterledger/internal/meter"
	"meterledger/internal/metric"
)

const (
	// connectionsMax is how many connections a program holds at the most, however many
	// descriptors it may have: one that sends a header takes some 35 KiB, with TLS some 70.
	connectionsMax = 16_384
	// networkMax is how many of them are of one network, see meter.NetworkOf.
	networkMax = 256
	// descriptorsKept is how many descriptors connections leave alone: the journal opens up to
	// 256 files, the others are for archives, snapshots, logs and what the program asks itself.
	descriptorsKept = 512
	// unsentMax is how many bytes the system keeps of what a caller has not taken yet; Linux takes
	// twice as much for it, and without a limit up to 4 MiB.
	unsentMax = 256 << 10
	// descriptorsAssumed is how many there may be if the system knows no limit.
	descriptorsAssumed = 1 << 20
)

// connections is a listener that bounds how many connections callers have open at a time, in
// all and by network. At a bound the connection that has been idle for the longest time makes
// room for a new one. If all are busy the new one is closed.
//
// Idle is what has no request under way: one that has not sent a whole header yet, too.
type connections struct {
	net.Listener
	proxies Proxies // not bounded by network, as little as loopback
	closed  *metric.Minute

	mu         sync.Mutex // guards what is below, and the memberships of all connections
	all        crowd
	networkMax int
	networks   map[netip.Prefix]*crowd // none is empty
}

func newConnections(l net.Listener, proxies Proxies, log *slog.Logger) *connections {
	return &connections{
		Listener: l, proxies: proxies,
		closed: &metric.Minute{Log: log, Message: "connections were closed in the last minute, because there are too many", Unit: "connections"},
		all:    crowd{max: connectionBound(descriptorsMax())}, networkMax: networkMax, networks: map[netip.Prefix]*crowd{},
	}
}

// connectionBound returns how many connections there may be with so many descriptors.
func connectionBound(descriptors int) int {
	return min(connectionsMax, max(descriptors-descriptorsKept, descriptors/2))
}

// Accept returns the next connection for which there is room.
func (l *connections) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if admitted := l.admit(c); admitted != nil {
			return admitted, nil
		}
		l.closed.Add("new")
		_ = c.Close() // nothing was promised to it
	}
}

// admit makes room for c, or returns nil.
func (l *connections) admit(c net.Conn) *connection {
	network := l.networkOf(c)
	for {
		admitted, oldest := l.join(c, network)
		if oldest == nil {
			return admitted
		}
		l.closed.Add("idle")
		_ = oldest.Conn.Close()
	}
}

// networkOf returns the network of which c counts as one, or no valid one.
func (l *connections) networkOf(c net.Conn) netip.Prefix {
	peer := addrOf(c.RemoteAddr())
	if peer.IsLoopback() || l.proxies.Has(peer) {
		return netip.Prefix{}
	}
	return meter.NetworkOf(peer)
}

// join admits c. If there is no room it returns the connection to be closed, which has left
// already, or two times nil.
func (l *connections) join(c net.Conn, network netip.Prefix) (admitted, oldest *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	mine := l.networks[network]
	for _, crowd := range []*crowd{mine, &l.all} {
		if crowd != nil && crowd.members.Len() >= crowd.max {
			if oldest = crowd.oldestIdle(); oldest != nil {
				l.remove(oldest)
			}
			return nil, oldest
		}
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(unsentMax) // fails if the connection is closed already, and then so does what follows
	}
	admitted = &connection{Conn: c, patience: newPatience(answerRate), bound: l, network: network}
	l.all.add(admitted)
	if network.IsValid() {
		if mine == nil {
			mine = &crowd{max: l.networkMax}
			l.networks[network] = mine
		}
		mine.add(admitted)
	}
	return admitted, nil
}

func (l *connections) leave(c *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.remove(c)
}

func (l *connections) remove(c *connection) {
	for _, m := range c.memberships {
		m.crowd.members.Remove(m.place)
		if !c.busy {
			m.crowd.idle--
		}
	}
	c.memberships = nil
	if mine := l.networks[c.network]; mine != nil && mine.members.Len() == 0 {
		delete(l.networks, c.network)
	}
}

// track is called by net/http when a connection gets a request and when it has none any more.
func (l *connections) track(c net.Conn, state http.ConnState) {
	if state != http.StateActive && state != http.StateIdle {
		return
	}
	if ours, ok := below[*connection](c); ok {
		l.mu.Lock()
		defer l.mu.Unlock()
		ours.setBusy(state == http.StateActive)
	}
}

// crowd is connections that have a bound together.
type crowd struct {
	max     int
	members linked.List // of *connection; the idle ones in the order in which they became idle
	idle    int         // members that are idle
}

// membership is a connection's place in a crowd.
type membership struct {
	crowd *crowd
	place *linked.Element
}

func (o *crowd) add(c *connection) {
	c.memberships = append(c.memberships, membership{o, o.members.PushBack(c)})
	o.idle++
}

// oldestIdle returns the member that has been idle for the longest time, or nil.
func (o *crowd) oldestIdle() *connection {
	for o.idle > 0 {
		front := o.members.Front()
		if c := front.Value.(*connection); !c.busy {
			return c
		}
		o.members.MoveToBack(front) // where it will be when it becomes idle
	}
	return nil
}
