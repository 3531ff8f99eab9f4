package httpkit_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"meterledger/internal/httpkit"
)

// bubble is a program on the clock of a synctest bubble. Its connections are pipes without a
// buffer: what nobody takes stands still.
type bubble struct {
	t        *testing.T
	listener *pipeListener
	roots    *x509.CertPool // nil without TLS
	dialled  int
}

// startBubble serves routes until the test ends.
func startBubble(t *testing.T, routes func(chi.Router), secure bool) *bubble {
	t.Helper()
	s := &bubble{t: t, listener: &pipeListener{make(chan net.Conn), make(chan struct{})}}
	l := &httpkit.Listener{Listener: s.listener}
	if secure {
		certificate, key := newAuthority(t).pair(2)
		pair, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			t.Fatal(err)
		}
		l.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"}}
		s.roots = x509.NewCertPool()
		s.roots.AddCert(pair.Leaf)
	}
	router, _ := newRouter(slog.LevelError, routes)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- httpkit.Serve(ctx, l, router, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *bubble) pipe() net.Conn {
	ours, theirs := net.Pipe()
	s.listener.connections <- theirs
	s.dialled++
	s.t.Cleanup(func() { ours.Close() })
	return ours
}

// client returns a client of HTTP/2.
func (s *bubble) client() *http.Client {
	return s.clientOver(func(ctx context.Context) (net.Conn, error) {
		c := tls.Client(s.pipe(), &tls.Config{RootCAs: s.roots, ServerName: "127.0.0.1", NextProtos: []string{"h2"}})
		return c, c.HandshakeContext(ctx)
	})
}

func (s *bubble) clientOver(dial func(context.Context) (net.Conn, error)) *http.Client {
	transport := &http.Transport{
		ForceAttemptHTTP2: true,
		DialTLSContext:    func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	}
	s.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// bubbleCaller is a caller that writes and reads HTTP by itself.
type bubbleCaller struct {
	t *testing.T
	net.Conn
	in    *bufio.Reader
	began time.Time
}

func (s *bubble) dial() *bubbleCaller {
	c := s.pipe()
	return &bubbleCaller{s.t, c, bufio.NewReader(c), time.Now()}
}

func (c *bubbleCaller) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatal(err)
	}
}

func (c *bubbleCaller) sendAny(text string) bool {
	_, err := io.WriteString(c, text)
	return err == nil
}

// want reads an answer, which must begin as given, and returns it with its header.
func (c *bubbleCaller) want(beginning string) string {
	c.t.Helper()
	answer, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	var text bytes.Buffer
	if err := answer.Write(&text); err != nil {
		c.t.Fatal(err)
	}
	if !strings.HasPrefix(text.String(), beginning) {
		c.t.Errorf("got %s, want %s", &text, beginning)
	}
	return text.String()
}

// took is how long the caller has been there.
func (c *bubbleCaller) took() time.Duration { return time.Since(c.began) }

// wantEnd waits for the end of the connection, which must come within a time.
func (c *bubbleCaller) wantEnd(within time.Duration) {
	c.t.Helper()
	began := time.Now()
	rest, err := io.ReadAll(c.in)
	if took := time.Since(began); len(rest) > 0 || took > within {
		c.t.Errorf("the connection ended after %v with %q, %v", took, rest, err)
	}
}
