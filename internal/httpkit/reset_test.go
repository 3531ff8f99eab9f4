package httpkit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/go-chi/chi/v5"

	"meterledger/internal/httpkit"
)

// serve serves h on a free port of loopback until the test ends, and returns the address.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	listener, err := httpkit.Listen("127.0.0.1:0", "-addr", "API_ADDR")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- httpkit.Serve(ctx, listener, h, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

// exchange sends text over a connection of its own, and returns all that comes back.
func exchange(t *testing.T, addr, text string) (string, error) {
	t.Helper()
	connection, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if _, err := io.WriteString(connection, text); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(connection)
	return string(answer), err
}

func TestAnAnswerThatIsCutEndsWithAResetInHTTP10(t *testing.T) {
	router, _ := newRouter(slog.LevelInfo, func(r chi.Router) {
		begin := func(w http.ResponseWriter) {
			io.WriteString(w, strings.Repeat("meter_id,timestamp,reading\n", 300))
			http.NewResponseController(w).Flush()
		}
		r.Get("/whole", func(w http.ResponseWriter, _ *http.Request) { begin(w) })
		r.Get("/cut", func(w http.ResponseWriter, r *http.Request) {
			begin(w)
			httpkit.WriteError(w, r, errors.New("the archive has gone"))
		})
		r.Get("/panic", func(http.ResponseWriter, *http.Request) { panic("before anything was sent") })
	})
	addr := serve(t, router)
	for _, tt := range []struct {
		path, keep string
		isCut      bool
		status     string
	}{
		{"/whole", "", false, "200"},
		{"/cut", "", true, "200"},
		{"/cut", "Connection: keep-alive\r\n", true, "200"},
		{"/panic", "", false, "500"}, // the answer is whole
		{"/healthz", "", false, "200"},
	} {
		answer, err := exchange(t, addr, fmt.Sprintf("GET %s HTTP/1.0\r\n%s\r\n", tt.path, tt.keep))
		if errors.Is(err, syscall.ECONNRESET) != tt.isCut || !tt.isCut && (err != nil || !strings.Contains(answer[:min(len(answer), 12)], tt.status)) {
			t.Errorf("%s %s: %v after %.40q", tt.path, tt.keep, err, answer)
		}
	}
}

func TestAHeaderMayHave16KiB(t *testing.T) {
	router, _ := newRouter(slog.LevelInfo, func(chi.Router) {})
	addr := serve(t, router)
	for size, want := range map[int]string{15 << 10: "HTTP/1.1 200", 32 << 10: "HTTP/1.1 431"} {
		answer, _ := exchange(t, addr, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAccept: "+strings.Repeat(",", size)+"\r\n\r\n")
		if !strings.HasPrefix(answer, want) {
			t.Errorf("an Accept header of %d bytes gets %.40q, want %s", size, answer, want)
		}
	}
}
