package httpkit

import (
	"maps"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are what Prometheus collects of a program: its requests, the Go runtime,
// the process, and whatever is added through Registerer.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec

	// known has the kinds of requests that came before, so that their labels are
	// looked up once: that saves an allocation and 2 % of a single reading's time.
	// The map is replaced, never changed; learning guards that.
	known    atomic.Pointer[map[requestKind]prometheus.Observer]
	learning sync.Mutex
}

// requestKind is what requests are counted by.
type requestKind struct {
	method, route string
	status        int
}

// NewMetrics returns metrics with a registry of their own.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "http_request_duration_seconds",
			Help:    "How long requests took, by method, route and status; _count is how many there were.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"method", "route", "status"}),
	}
	m.known.Store(&map[requestKind]prometheus.Observer{})
	m.registry.MustRegister(
		m.requests,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// Registerer is where other packages add their metrics.
func (m *Metrics) Registerer() prometheus.Registerer { return m.registry }

func (m *Metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// request counts one request. Route is a pattern, never a path, and unusual methods
// count as one: callers must not be able to grow the metrics.
func (m *Metrics) request(method, route string, status int, took time.Duration) {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut,
		http.MethodPatch, http.MethodDelete, http.MethodOptions:
	default:
		method = "other"
	}
	kind := requestKind{method, route, status}
	observer, known := (*m.known.Load())[kind]
	if !known {
		observer = m.learn(kind)
	}
	observer.Observe(took.Seconds())
}

func (m *Metrics) learn(kind requestKind) prometheus.Observer {
	m.learning.Lock()
	defer m.learning.Unlock()
	observer := m.requests.WithLabelValues(kind.method, kind.route, strconv.Itoa(kind.status))
	more := maps.Clone(*m.known.Load())
	more[kind] = observer
	m.known.Store(&more)
	return observer
}
