package httpkit_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"

	"meterledger/internal/httpkit"
)

const largeBytes = 8 << 20

// answers has a large answer, a small one, and one that takes its time.
func answers(writing *atomic.Int32) func(chi.Router) {
	return func(r chi.Router) {
		r.Get("/large", func(w http.ResponseWriter, r *http.Request) {
			writing.Add(1)
			defer writing.Add(-1)
			httpkit.WriteJSON(w, http.StatusOK, strings.Repeat("x", largeBytes-3))
		})
		r.Get("/small", func(w http.ResponseWriter, r *http.Request) { httpkit.WriteJSON(w, http.StatusOK, "x") })
		r.Get("/hurried", func(w http.ResponseWriter, r *http.Request) { // has a deadline of its own
			writing.Add(1)
			defer writing.Add(-1)
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(5 * time.Second))
			_, _ = io.WriteString(w, strings.Repeat("x", largeBytes))
		})
		r.Get("/late", func(w http.ResponseWriter, r *http.Request) {
			for range 3 { // what the program takes between does not count
				time.Sleep(time.Hour)
				if _, err := io.WriteString(w, strings.Repeat("x", 10_000)); err != nil {
					return
				}
			}
			time.Sleep(time.Hour)
		})
	}
}

// takeSlowly reads what comes, so many bytes each second, until the connection ends.
func (c *bubbleCaller) takeSlowly(bytes int) (taken int) {
	piece := make([]byte, bytes)
	for {
		n, err := io.ReadFull(c.in, piece)
		if taken += n; err != nil {
			return taken
		}
		time.Sleep(time.Second)
	}
}

func TestWhoDoesNotTakeAnAnswerIsCutOff(t *testing.T) {
	for name, tt := range map[string]struct {
		request string
		rate    int // bytes a second that are taken
		longest time.Duration
	}{
		"nothing of a large answer": {"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n", 0, 30 * time.Second},
		"nothing of a small answer": {"GET /small HTTP/1.1\r\nHost: localhost\r\n\r\n", 0, 30 * time.Second},
		"nothing of a late answer":  {"GET /late HTTP/1.1\r\nHost: localhost\r\n\r\n", 0, time.Hour + 30*time.Second},
		"too little":                {"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n", 1 << 10, time.Minute},
		"nearly enough":             {"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n", 3 << 10, 3 * time.Minute},
		"a deadline of its own":     {"GET /hurried HTTP/1.1\r\nHost: localhost\r\n\r\n", 0, 5 * time.Second},
		"net/http's own answer":     {"GET / HTTP/9\r\n\r\n", 0, 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var writing atomic.Int32
				s := startBubble(t, answers(&writing), false)
				caller := s.dial()
				caller.send(tt.request)
				if tt.rate == 0 {
					time.Sleep(tt.longest)
				} else if taken := caller.takeSlowly(tt.rate); taken >= largeBytes || caller.took() > tt.longest {
					t.Errorf("%d bytes were taken in %v", taken, caller.took())
				}
				synctest.Wait()
				if writing.Load() > 0 {
					t.Error("the answer is still being written")
				}
				began := time.Now()
				if _, err := io.Copy(io.Discard, caller); err != nil || time.Since(began) > 0 {
					t.Errorf("the connection was there for %v more, %v", time.Since(began), err)
				}
			})
		})
	}
}

func TestWhoTakesAnAnswerAtTheLeastRateGetsAllOfIt(t *testing.T) {
	for path, rate := range map[string]int{"/large": 4 << 10, "/late": 4 << 10, "/small": 1} {
		synctest.Test(t, func(t *testing.T) {
			s := startBubble(t, answers(new(atomic.Int32)), false)
			caller := s.dial()
			caller.send("GET " + path + " HTTP/1.0\r\nHost: localhost\r\n\r\n")
			taken := caller.takeSlowly(rate)
			if want := map[string]int{"/large": largeBytes, "/late": 30_000, "/small": 4}[path]; taken < want {
				t.Errorf("%d bytes of %s were taken in %v", taken, path, caller.took())
			}
		})
	}
}

func TestOfHTTP2OnlyTheAnswerEndsThatNobodyTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var writing atomic.Int32
		s := startBubble(t, answers(&writing), true)
		client := s.client()
		silent, err := client.Get("https://127.0.0.1/large") // of which the client takes what a stream may have unread: 4 MiB
		if err != nil {
			t.Fatal(err)
		}
		late, err := client.Get("https://127.0.0.1/late")
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		time.Sleep(31 * time.Second)
		synctest.Wait()
		if writing.Load() > 0 {
			t.Error("the answer is still being written")
		}
		if n, err := io.Copy(io.Discard, silent.Body); err == nil || n >= largeBytes {
			t.Errorf("%d bytes came of the answer that was cut, %v", n, err)
		}
		if n, err := io.Copy(io.Discard, late.Body); err != nil || n != 30_000 {
			t.Errorf("%d bytes came of the late answer, %v", n, err)
		}
		silent.Body.Close()
		late.Body.Close()
		if small, err := client.Get("https://127.0.0.1/small"); err != nil || small.StatusCode != http.StatusOK || s.dialled != 1 {
			t.Errorf("%v, %v over %d connections", small, err, s.dialled)
		}
	})
}

// deafConn is a connection whose owner reads nothing while it is deaf.
type deafConn struct {
	net.Conn
	deaf, over chan struct{}
}

func (c *deafConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	select {
	case <-c.deaf:
		<-c.over
	default:
	}
	return n, err
}

// Close leaves the connection open: the test looks at when the other side closes it.
func (c *deafConn) Close() error { return nil }

func TestOfHTTP2AnAnswerMayHaveADeadlineOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var writing atomic.Int32
		s := startBubble(t, answers(&writing), true)
		hurried, err := s.client().Get("https://127.0.0.1/hurried")
		if err != nil {
			t.Fatal(err)
		}
		defer hurried.Body.Close()
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if writing.Load() > 0 {
			t.Error("the answer is still being written")
		}
	})
}

func TestAConnectionOfHTTP2ThatNobodyReadsIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var writing atomic.Int32
		s := startBubble(t, answers(&writing), true)
		raw := &deafConn{s.pipe(), make(chan struct{}), make(chan struct{})}
		defer close(raw.over)
		secure := tls.Client(raw, &tls.Config{RootCAs: s.roots, ServerName: "127.0.0.1", NextProtos: []string{"h2"}})
		client := s.clientOver(func(ctx context.Context) (net.Conn, error) { return secure, secure.HandshakeContext(ctx) })
		small, err := client.Get("https://127.0.0.1/small")
		if err != nil {
			t.Fatal(err)
		}
		small.Body.Close()
		close(raw.deaf)
		client.Timeout = 36 * time.Second // TLS says goodbye for five of them
		if _, err := client.Get("https://127.0.0.1/large"); err == nil {
			t.Fatal("an answer came to who does not read")
		}
		began := time.Now()
		if _, err := io.Copy(io.Discard, raw.Conn); err != nil || time.Since(began) > 0 || writing.Load() > 0 {
			t.Errorf("the connection was there for %v more, %v", time.Since(began), err)
		}
	})
}
