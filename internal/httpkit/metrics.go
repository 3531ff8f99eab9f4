package httpkit

import (
	"maps"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"meterledger/internal/config"
	"meterledger/internal/metric"
)

// Metrics are what Prometheus reads from a program: which build it is, the duration of its
// requests, the Go runtime, the process, and the sets that are added.
type Metrics struct {
	*metric.Set

	// histograms are those of the kinds of requests that came before, so that a name is
	// written once for each kind. The map is replaced, never changed.
	histograms atomic.Pointer[map[requestKind]*metric.Histogram]
	mu         sync.Mutex // guards the replacement of histograms
}

// requestKind has the labels of a request.
type requestKind struct {
	method, route string
	status        int
}

// requestSeconds are the upper bounds of a histogram's buckets.
var requestSeconds = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// NewMetrics returns the metrics of a program that has had no request yet.
func NewMetrics() *Metrics {
	m := &Metrics{Set: metric.NewSet()}
	m.histograms.Store(&map[requestKind]*metric.Histogram{})
	build := config.ThisBuild()
	m.Gauge("build_info", "Which build of the program this is; always 1.", func() float64 { return 1 },
		"version", build.Version, "commit", build.Commit, "go_version", build.Go)
	return m
}

func (m *Metrics) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	m.Write(w)
	metric.WriteProcess(w)
}

// request counts one request. route is a pattern, never a path, and all unusual methods
// are one: callers must not be able to add labels.
func (m *Metrics) request(method, route string, status int, took time.Duration) {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut,
		http.MethodPatch, http.MethodDelete, http.MethodOptions:
	default:
		method = "other"
	}
	kind := requestKind{method, route, status}
	histogram, known := (*m.histograms.Load())[kind]
	if !known {
		histogram = m.add(kind)
	}
	histogram.Update(took.Seconds())
}

func (m *Metrics) add(kind requestKind) *metric.Histogram {
	m.mu.Lock()
	defer m.mu.Unlock()
	histogram := m.Histogram("http_request_duration_seconds", "How long requests took, from their header to the end of the answer.", requestSeconds,
		"method", kind.method, "route", kind.route, "status", strconv.Itoa(kind.status))
	more := maps.Clone(*m.histograms.Load())
	more[kind] = histogram
	m.histograms.Store(&more)
	return histogram
}
