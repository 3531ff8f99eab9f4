package cluster

import (
	"context"
	"net"
	"sync"
	"time"

	"meterledger/internal/tools/suite/programs"
)

// way is one direction between two programs.
type way struct{ from, to programs.Name }

// fault is what befalls what goes a way. None is the zero value.
type fault struct {
	lost    bool          // nothing arrives until the fault ends, and nobody is told
	refused bool          // connections are reset, those that are made later too
	delay   time.Duration // of each piece
}

// network is the proxies through which programs reach each other. Whose process has made a connection is
// found out, so that each pair of programs has two ways of its own.
type network struct {
	ownerOf func(net.Conn) programs.Name // whose process has made it; empty if it has gone

	mu        sync.Mutex // guards all below
	faults    map[way]fault
	changed   chan struct{} // closed when faults change
	listeners []net.Listener
	err       error // the first of a listener
}

func newNetwork(ownerOf func(net.Conn) programs.Name) *network {
	return &network{ownerOf: ownerOf, changed: make(chan struct{})}
}

// via makes a proxy before an address, and returns where it listens; see programs.ClusterConfig.
func (n *network) via(_, to programs.Name, address string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	n.mu.Lock()
	defer n.mu.Unlock()
	if err != nil {
		n.err = err
		return address
	}
	n.listeners = append(n.listeners, l)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed
			}
			go n.join(c.(*net.TCPConn), to, address)
		}
	}()
	return l.Addr().String()
}

// set puts faults in the place of those before.
func (n *network) set(faults map[way]fault) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.faults = faults
	close(n.changed)
	n.changed = make(chan struct{})
}

// close ends the proxies: programs that go on meet connections that are not served.
func (n *network) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range n.listeners {
		_ = l.Close()
	}
}

func (n *network) at(w way) (fault, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.faults[w], n.changed
}

// join copies both ways between a connection and an address until one of them ends.
func (n *network) join(from *net.TCPConn, to programs.Name, address string) {
	there, back := way{n.ownerOf(from), to}, way{}
	back.from, back.to = there.to, there.from
	ctx, end := context.WithCancel(context.Background())
	defer end()
	if !n.pass(ctx, there) {
		reset(from)
		return
	}
	c, err := net.Dial("tcp", address)
	if err != nil {
		reset(from)
		return
	}
	server := c.(*net.TCPConn)
	go n.watch(ctx, []way{there, back}, []*net.TCPConn{from, server})
	var both sync.WaitGroup
	both.Go(func() { n.copy(ctx, end, server, from, there) })
	both.Go(func() { n.copy(ctx, end, from, server, back) })
	<-ctx.Done()
	_, _ = from.Close(), server.Close()
	both.Wait()
}

// watch resets connections once one of their ways is refused.
func (n *network) watch(ctx context.Context, ways []way, conns []*net.TCPConn) {
	for ctx.Err() == nil {
		var changed <-chan struct{}
		for _, w := range ways {
			f, c := n.at(w)
			if changed = c; f.refused {
				reset(conns...)
				return
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// copy copies one way, the end of the connection too.
func (n *network) copy(ctx context.Context, end func(), to, from *net.TCPConn, w way) {
	defer end()
	buffer := make([]byte, 64<<10)
	for {
		got, err := from.Read(buffer)
		if !n.pass(ctx, w) {
			return
		}
		if _, failed := to.Write(buffer[:got]); err != nil || failed != nil {
			return
		}
	}
}

// pass waits until what goes a way arrives, and reports whether it does.
func (n *network) pass(ctx context.Context, w way) bool {
	for {
		f, changed := n.at(w)
		switch {
		case f.refused:
			return false
		case !f.lost && f.delay > 0:
			select {
			case <-time.After(f.delay):
				return true
			case <-ctx.Done():
				return false
			}
		case !f.lost:
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// reset closes connections as the system does for a process that was killed.
func reset(conns ...*net.TCPConn) {
	for _, c := range conns {
		_, _ = c.SetLinger(0), c.Close()
	}
}
