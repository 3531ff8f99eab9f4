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

// Metrics is what a program tells Prometheus: how long its requests took, the Go
// runtime, the process, and whatever is added.
type Metrics struct {
	set *metrics.Set

	// known has the kinds of requests that came before, so that their labels are
	// looked up once. It is replaced, never changed; learning guards that.
	known    atomic.Pointer[map[requestKind]*metrics.PrometheusHistogram]
	learning sync.Mutex
}

// requestKind is what requests are counted by.
type requestKind struct {
	method, route string
	status        int
}

// requestSeconds are the bounds between which the requests of a kind are counted.
var requestSeconds = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// NewMetrics returns the metrics of a program that has had no request.
func NewMetrics() *Metrics {
	metrics.ExposeMetadata(true) // the type of each
	m := &Metrics{set: metrics.NewSet()}
	m.known.Store(&map[requestKind]*metrics.PrometheusHistogram{})
	return m
}

// Add has the metrics of another part of the program told too.
func (m *Metrics) Add(set *metrics.Set) { m.set.RegisterMetricsWriter(set.WritePrometheus) }

func (m *Metrics) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	m.set.WritePrometheus(w)
	metrics.WriteProcessMetrics(w)
}

// request counts one request. route is a pattern, never a path, and unusual
// methods are lumped together: callers must not be able to grow the metrics.
func (m *Metrics) request(method, route string, status int, took time.Duration) {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut,
		http.MethodPatch, http.MethodDelete, http.MethodOptions:
	default:
		method = "other"
	}
	kind := requestKind{method, route, status}
	histogram, known := (*m.known.Load())[kind]
	if !known {
		histogram = m.learn(kind)
	}
	histogram.Update(took.Seconds())
}

func (m *Metrics) learn(kind requestKind) *metrics.PrometheusHistogram {
	m.learning.Lock()
	defer m.learning.Unlock()
	name := fmt.Sprintf("http_request_duration_seconds{method=%q,route=%q,status=\"%d\"}", kind.method, kind.route, kind.status)
	histogram := m.set.GetOrCreatePrometheusHistogramExt(name, requestSeconds)
	more := maps.Clone(*m.known.Load())
	more[kind] = histogram
	m.known.Store(&more)
	return histogram
}
