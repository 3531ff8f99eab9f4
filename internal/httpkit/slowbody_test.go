package httpkit_test

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"meterledger/internal/httpkit"
)

// pipes is a listener of connections that stay in the test, so that its clock is
// theirs.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// bodyServer counts the bytes of the bodies that it is sent.
func bodyServer(t *testing.T) (caller net.Conn, stop func()) {
	router := httpkit.NewRouter(httpkit.Program{Log: slog.New(slog.DiscardHandler), Metrics: httpkit.NewMetrics(), SwaggerUI: httpkit.SwaggerUI()})
	router.Post("/", func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			httpkit.WriteError(w, r, err)
			return
		}
		time.Sleep(time.Hour) // what the program does with it is not the caller's fault
		if r.Context().Err() != nil {
			t.Error("the request was given up while it was worked on")
		}
		httpkit.WriteJSON(w, http.StatusOK, n)
	})
	router.Post("/unread", func(w http.ResponseWriter, r *http.Request) { httpkit.WriteJSON(w, http.StatusOK, 0) })
	listener := make(pipes, 1)
	caller, server := net.Pipe()
	listener <- server
	s := http.Server{Handler: router}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(listener) }()
	return caller, func() {
		caller.Close()
		close(listener)
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		s.Close()
	}
}

func send(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Error(err)
	}
}

func TestABodyMayTakeAnyTimeAsLongAsItComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		caller, stop := bodyServer(t)
		defer stop()
		send(t, caller, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n")
		for range 100 {
			time.Sleep(29 * time.Second)
			send(t, caller, "x")
		}
		answer, err := http.ReadResponse(bufio.NewReader(caller), nil)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%+v, %v", answer, err)
		}
	})
}

func TestABodyThatStandsStillIs408AndTheEndOfTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		caller, stop := bodyServer(t)
		defer stop()
		began := time.Now()
		send(t, caller, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n")
		time.Sleep(20 * time.Second)
		send(t, caller, "x")
		text, err := io.ReadAll(caller)
		if err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 408 ") || !strings.Contains(string(text), `"code":"request_timeout"`) {
			t.Errorf("%s, %v", text, err)
		}
		if took := time.Since(began); took != 50*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestABodyThatNobodyReadsDoesNotHoldTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		caller, stop := bodyServer(t)
		defer stop()
		began := time.Now()
		send(t, caller, "POST /unread HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nx")
		if _, err := io.ReadAll(caller); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != 30*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
