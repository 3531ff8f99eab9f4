package httpkit

import (
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"meterledger/internal/meter"
)

// Gate lets a program listen before it is ready. Until Open it answers
// /healthz, /metrics and the docs pages, and 503 not_ready to everything else.
type Gate struct {
	handler atomic.Pointer[http.Handler]
}

// NewGate returns a closed gate. progress is one plain sentence on how far the
// start has come; it is called by many goroutines at once.
func NewGate(log *slog.Logger, metrics *Metrics, progress func() string) *Gate {
	closed := NewRouter(log, metrics)
	closed.NotFound(func(w http.ResponseWriter, r *http.Request) {
		WriteError(w, r, meter.Unavailable(meter.CodeNotReady, time.Second, "%s", progress()))
	})
	g := &Gate{}
	g.Open(closed)
	return g
}

// Open hands all requests from now on to h.
func (g *Gate) Open(h http.Handler) { g.handler.Store(&h) }

func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(*g.handler.Load()).ServeHTTP(w, r)
}
