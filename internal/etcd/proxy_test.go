package etcd_test

import (
	"io"
	"net"
	"sync"
	"testing"
)

// proxy stands between a client and a member.
type proxy struct {
	listener net.Listener

	mu    sync.Mutex    // guards what follows
	held  chan struct{} // closed while answers pass
	conns []net.Conn
	lost  bool
}

func newProxy(t testing.TB, target string) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, held: make(chan struct{})}
	close(p.held)
	t.Cleanup(p.lose)
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			member, err := net.Dial("tcp", target)
			if err != nil {
				_ = client.Close()
				continue
			}
			p.join(client, member)
		}
	}()
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) join(client, member net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, client, member)
	if p.lost {
		p.breakAll()
	}
	copyAll := func(to io.Writer, from io.Reader) {
		_, _ = io.Copy(to, from)
		_ = client.Close()
		_ = member.Close()
	}
	go copyAll(member, client)
	go copyAll(answers{p, client}, member)
}

// answers is the way to the client.
type answers struct {
	p      *proxy
	client net.Conn
}

func (a answers) Write(b []byte) (int, error) {
	<-a.p.passes()
	return a.client.Write(b)
}

func (p *proxy) passes() chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held
}

// hold lets no answer pass until cut.
func (p *proxy) hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = make(chan struct{})
}

// cut breaks all connections; new ones are good.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.breakAll()
}

// lose breaks all connections, those that are made later too.
func (p *proxy) lose() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost = true
	_ = p.listener.Close()
	p.breakAll()
}

func (p *proxy) breakAll() {
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
	select {
	case <-p.held:
	default:
		close(p.held)
	}
}
