package httpkit_test

import (
	"bytes"
	"context"
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

func TestListenSaysHowToChooseAnotherAddress(t *testing.T) {
	taken, err := httpkit.Listen("127.0.0.1:0", "-addr", "API_ADDR")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	addr := taken.Addr().String()
	for addr, want := range map[string]string{
		addr:              "cannot listen on " + addr + ": address already in use; choose another with -addr or API_ADDR",
		"192.0.2.1:0":     "cannot listen on 192.0.2.1:0: cannot assign requested address; choose another with -addr or API_ADDR",
		"127.0.0.1:70000": "cannot listen on 127.0.0.1:70000: address 70000: invalid port; choose another with -addr or API_ADDR",
	} {
		listener, err := httpkit.Listen(addr, "-addr", "API_ADDR")
		if err == nil {
			listener.Close()
		}
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestStoppingServerFinishesWhatItHasAccepted(t *testing.T) {
	listener, err := httpkit.Listen("127.0.0.1:0", "-addr", "API_ADDR")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stop()
		if r.Context().Err() != nil {
			t.Error("the request was cancelled by the stop")
		}
		io.WriteString(w, "recorded")
	})
	ended := make(chan error, 1)
	go func() { ended <- httpkit.Serve(ctx, listener, h, slog.New(slog.DiscardHandler)) }()
	response, err := http.Get("http://" + listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil || string(body) != "recorded" {
		t.Errorf("got %q, %v", body, err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := net.Dial("tcp", listener.Addr().String()); err == nil {
		t.Error("the server still listens")
	}
}

func TestServerReportsALostListener(t *testing.T) {
	listener, err := httpkit.Listen("127.0.0.1:0", "-addr", "API_ADDR")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	err = httpkit.Serve(t.Context(), listener, http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	if !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// pipeListener hands out one end of a pipe, so that a server can run on the
// clock of a synctest bubble.
type pipeListener struct {
	connections chan net.Conn
	closed      chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.connections:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}
func (l *pipeListener) Close() error   { close(l.closed); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

func TestStoppingServerCutsOffARequestThatDoesNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		listener := &pipeListener{make(chan net.Conn), make(chan struct{})}
		ctx, stop := context.WithCancel(t.Context())
		var log bytes.Buffer
		h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			stop()
			<-r.Context().Done() // only the cut ends it
		})
		go func() {
			ours, theirs := net.Pipe()
			listener.connections <- theirs
			io.WriteString(ours, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
			io.Copy(io.Discard, ours)
		}()
		begun := time.Now()
		if err := httpkit.Serve(ctx, &httpkit.Listener{Listener: listener}, h, slog.New(slog.NewTextHandler(&log, nil))); err != nil {
			t.Errorf("Serve: %v", err)
		}
		if waited := time.Since(begun); waited != 10*time.Second || !strings.Contains(log.String(), "cut off") {
			t.Errorf("waited %v, log %q", waited, &log)
		}
	})
}
