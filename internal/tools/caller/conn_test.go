package caller

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// serve returns a connection to a server that answers with h.
func serve(t *testing.T, h http.HandlerFunc) *Conn {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := Dial(t.Context(), s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

const get = "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n"

func TestAnswersFollowEachOtherOnOneConnection(t *testing.T) {
	n := 0
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n++
		body, _ := io.ReadAll(r.Body)
		switch n {
		case 1:
			fmt.Fprintf(w, "%s %s %s %q", r.RemoteAddr, r.Method, r.URL, body)
		case 2: // longer than net/http holds back, so it is sent in chunks
			for range 3000 {
				io.WriteString(w, r.RemoteAddr)
			}
		case 3:
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintf(w, "%s %q", r.RemoteAddr, body)
		}
	})
	first, err := c.Do([]byte(get), nil)
	if err != nil {
		t.Fatal(err)
	}
	address, rest, _ := strings.Cut(string(first.Body), " ")
	if first.Status != 200 || rest != `GET /a?b=c ""` {
		t.Errorf("the first answer is %d %s", first.Status, first.Body)
	}
	second, err := c.Do([]byte(get), nil)
	if err != nil || string(second.Body) != strings.Repeat(address, 3000) {
		t.Errorf("the second answer is %d bytes, %v", len(second.Body), err)
	}
	third, err := c.Do([]byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"), []byte("body"))
	if err != nil || third.Status != 503 || third.RetryAfter != 7*time.Second || string(third.Body) != address+` "body"` {
		t.Errorf("the third answer is %d %s %v, %v", third.Status, third.Body, third.RetryAfter, err)
	}
}

// answering is a connection on which every request is answered alike.
type answering struct {
	net.Conn
	answer string
	rest   string
}

func (a *answering) Write(b []byte) (int, error) {
	a.rest = a.answer
	return len(b), nil
}

func (a *answering) Read(b []byte) (int, error) {
	if a.rest == "" {
		return 0, io.EOF
	}
	n := copy(b, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

func TestAnswerThatIsNotWholeIsAnError(t *testing.T) {
	for _, answer := range []string{
		"",
		"HTTP/1.1",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfour",
		"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 2000000000\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 OK\r\nContent-Length: 0\r\n\r\n",
		"SSH-2.0-OpenSSH\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfive!\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n",
	} {
		if a, err := NewConn(&answering{answer: answer}).Do([]byte(get), nil); err == nil {
			t.Errorf("%q was taken for %d %q", answer, a.Status, a.Body)
		}
	}
}

func TestRequestsCostTheGeneratorNoAllocation(t *testing.T) {
	c := NewConn(&answering{answer: "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n12345"})
	request := []byte(get)
	allocations := testing.AllocsPerRun(100, func() {
		if a, err := c.Do(request, nil); err != nil || string(a.Body) != "12345" {
			t.Fatalf("%q, %v", a.Body, err)
		}
	})
	if allocations > 0 {
		t.Errorf("a request costs %v allocations", allocations)
	}
}
