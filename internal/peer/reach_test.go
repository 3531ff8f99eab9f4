package peer

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"meterledger/internal/cluster"
	"meterledger/internal/httpkit"
)

func toPropose(n cluster.Node) cluster.Proposal {
	return cluster.Proposal{To: cluster.Leader{Node: n}, Payload: []byte("payload")}
}

func TestOnlyNodesOfOneAuthorityReachEachOther(t *testing.T) {
	ours, others := newAuthority(t), newAuthority(t)
	for name, tt := range map[string]struct {
		asking, asked *httpkit.Mutual
		name          string // that is asked for
		reaches       bool
	}{
		"both ours":              {ours.mutual("a"), ours.mutual("b"), "b", true},
		"who asks is another's":  {others.mutual("a"), ours.mutual("b"), "b", false},
		"who is asked is":        {ours.mutual("a"), others.mutual("b"), "b", false},
		"another node is there":  {ours.mutual("a"), ours.mutual("c"), "b", false},
		"who asks has no TLS":    {nil, ours.mutual("b"), "b", false},
		"who is asked has none":  {ours.mutual("a"), nil, "b", false},
		"by address, not a name": {ours.mutual("a"), ours.mutual("b"), "127.0.0.1", false},
	} {
		t.Run(name, func(t *testing.T) {
			n := new(proposed)
			err := peers(t, tt.asking).Propose(t.Context(), toPropose(at(tt.name, serveOn(t, tt.asked, n))))
			if (err == nil) != tt.reaches || (n.count.Load() == 1) != tt.reaches {
				t.Errorf("it is answered with %v, and was asked %d times", err, n.count.Load())
			}
		})
	}
}

// dials connects to a node with TLS of its own, and says whether it is answered.
func dials(t *testing.T, address string, c *tls.Config) bool {
	t.Helper()
	conn, err := tls.Dial("tcp", address, c)
	if err != nil {
		return false
	}
	defer conn.Close()
	_, _ = fmt.Fprintf(conn, "GET /snapshot HTTP/1.1\r\nHost: localhost\r\n\r\n")
	_, err = http.ReadResponse(bufio.NewReader(conn), nil)
	return err == nil
}

func TestAConnectionNeedsACertificateAndTLS13(t *testing.T) {
	a := newAuthority(t)
	address := serveOn(t, a.mutual("b"), someJournal)
	with := func(change func(*tls.Config)) *tls.Config {
		c := a.mutual("a").To("b")
		change(c)
		return c
	}
	if !dials(t, address, with(func(*tls.Config) {})) {
		t.Error("a node is not answered")
	}
	if dials(t, address, with(func(c *tls.Config) { c.Certificates = nil })) {
		t.Error("a caller without a certificate is answered")
	}
	if dials(t, address, with(func(c *tls.Config) { c.Certificates = newAuthority(t).mutual("a").To("b").Certificates })) {
		t.Error("a caller with a certificate of another authority is answered")
	}
	if dials(t, address, with(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 })) {
		t.Error("a node with TLS 1.2 is answered")
	}
	served, err := tls.LoadX509KeyPair(filepath.Join(a.folder, "b.pem"), filepath.Join(a.folder, "b-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{served}, MaxVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			_, _ = c.Write([]byte("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"))
			c.Close()
		}
	}()
	if err := peers(t, a.mutual("a")).Propose(t.Context(), toPropose(at("b", l.Addr().String()))); err == nil {
		t.Error("a node with TLS 1.2 is asked")
	}
}

// TestAConnectionOfOneNameServesNoOther: node b is gone, and another node has its address.
func TestAConnectionOfOneNameServesNoOther(t *testing.T) {
	a, n := newAuthority(t), new(proposed)
	p, address := peers(t, a.mutual("a")), serveOn(t, a.mutual("b"), n)
	if err := p.Propose(t.Context(), toPropose(at("b", address))); err != nil {
		t.Fatal(err)
	}
	if err := p.Propose(t.Context(), toPropose(at("c", address))); err == nil || n.count.Load() != 1 {
		t.Errorf("it is answered with %v, and was asked %d times", err, n.count.Load())
	}
}

// TestWithoutTLSOnlyLoopbackIsAsked asks an address that is for documentation (RFC 5737), so nobody is there.
func TestWithoutTLSOnlyLoopbackIsAsked(t *testing.T) {
	p := peers(t, nil)
	for _, address := range []string{"192.0.2.1:8100", "[2001:db8::1]:8100", "[::ffff:192.0.2.1]:8100"} {
		if err := p.Propose(t.Context(), toPropose(at("b", address))); !errors.Is(err, errPlain) {
			t.Errorf("%s: %v", address, err)
		}
	}
	_, port, err := net.SplitHostPort(serveOn(t, nil, new(proposed)))
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "localhost", "::ffff:127.0.0.1"} {
		if err := p.Propose(t.Context(), toPropose(at("b", net.JoinHostPort(host, port)))); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// counted is a listener that counts connections.
type counted struct {
	net.Listener
	count atomic.Int32
}

func (c *counted) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.count.Add(1)
	}
	return conn, err
}

func TestAConnectionIsUsedAgain(t *testing.T) {
	a := newAuthority(t)
	l, err := httpkit.OpenMutual("127.0.0.1:0", "-cluster-addr", "CLUSTER_ADDR", a.mutual("b"))
	if err != nil {
		t.Fatal(err)
	}
	c := &counted{Listener: l.Listener}
	l.Listener = c
	serve(t, l, someJournal)
	p, b := peers(t, a.mutual("a")), at("b", l.Addr().String())
	for range 10 {
		if err := p.Propose(t.Context(), toPropose(b)); !errors.Is(err, cluster.ErrMoved) {
			t.Fatal(err)
		}
		if err := p.Batches(t.Context(), b, 1, func([]byte) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if err := p.Snapshot(t.Context(), b, io.Discard); err != nil {
			t.Fatal(err)
		}
	}
	if c.count.Load() != 1 {
		t.Errorf("there were %d connections", c.count.Load())
	}
}

// TestALeaderThatHasEndedIsKnownByTheFirstCall: its process is killed while a connection to it is kept.
func TestALeaderThatHasEndedIsKnownByTheFirstCall(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		in := bufio.NewReader(c)
		readOne := func() {
			if r, err := http.ReadRequest(in); err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
			}
		}
		readOne()
		_, _ = io.WriteString(c, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
		readOne()
		l.Close()
		c.Close()
	}()
	p, b := peers(t, nil), at("b", l.Addr().String())
	if err := p.Propose(t.Context(), toPropose(b)); err != nil {
		t.Fatal(err)
	}
	if err := p.Propose(t.Context(), toPropose(b)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("it returns %v", err)
	}
}
