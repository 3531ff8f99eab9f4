package httpkit

import (
	"fmt"
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// Metrics are what Prometheus reads from a program: the duration of its requests, the Go
// runtime, the process, and the sets that are added.
type Metrics struct {
	set *metrics.Set

	// histograms are those of the kinds of requests that came before, so that a name is
	// written once for each kind. The map is replaced, never changed.
	histograms atomic.Pointer[map[requestKind]*metrics.PrometheusHistogram]
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
	metrics.ExposeMetadata(true) // the type of each
	m := &Metrics{set: metrics.NewSet()}
	m.histograms.Store(&map[requestKind]*metrics.PrometheusHistogram{})
	return m
}

// Add makes the metrics of another part of the program known too.
func (m *Metrics) Add(set *metrics.Set) { m.set.RegisterMetricsWriter(set.WritePrometheus) }

func (m *Metrics) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	m.set.WritePrometheus(w)
	metrics.WriteProcessMetrics(w)
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

func (m *Metrics) add(kind requestKind) *metrics.PrometheusHistogram {
	m.mu.Lock()
	defer m.mu.Unlock()
	name := fmt.Sprintf("http_request_duration_seconds{method=%q,route=%q,status=\"%d\"}", kind.method, kind.route, kind.status)
	histogram := m.set.GetOrCreatePrometheusHistogramExt(name, requestSeconds)
	more := maps.Clone(*m.histograms.Load())
	more[kind] = histogram
	m.histograms.Store(&more)
	return histogram
}
