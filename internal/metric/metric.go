// Package metric is how every program tells its figures to Prometheus. Each has a name under
// meterledger_, a unit that the name ends with, and a sentence that says what it counts.
//
// Counting is an atomic addition: it takes no lock and allocates nothing.
package metric

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"

	"github.com/VictoriaMetrics/metrics"
)

// Prefix begins the name of every figure of the suite.
const Prefix = "meterledger_"

// Counter only grows, from 0 at the start of the program.
type Counter = metrics.Counter

// Histogram counts values by size. Its Update takes a lock.
type Histogram = metrics.PrometheusHistogram

// Set is the figures of one part of a program. It may be used by many goroutines.
type Set struct {
	set *metrics.Set

	mu   sync.Mutex        // guards help
	help map[string]string // by name
}

// NewSet returns a set that has no figures yet.
func NewSet() *Set {
	metrics.ExposeMetadata(true) // the type of each
	return &Set{set: metrics.NewSet(), help: make(map[string]string)}
}

// Counter returns the counter of a name without prefix, which ends with _total. labels are
// names and values by turns.
func (s *Set) Counter(name, help string, labels ...string) *Counter {
	return s.set.GetOrCreateCounter(s.describe(name, help, labels))
}

// CounterFunc adds a counter that value returns; see Gauge.
func (s *Set) CounterFunc(name, help string, value func() float64, labels ...string) {
	s.Gauge(name, help, value, labels...) // rewrite knows a counter by its name
}

// Gauge adds a figure that value returns. It is called whenever Prometheus asks, so it must be
// quick, and safe for concurrent use.
func (s *Set) Gauge(name, help string, value func() float64, labels ...string) {
	s.set.GetOrCreateGauge(s.describe(name, help, labels), value)
}

// Histogram returns the histogram of a name. bounds are the upper ends of its buckets.
func (s *Set) Histogram(name, help string, bounds []float64, labels ...string) *Histogram {
	return s.set.GetOrCreatePrometheusHistogramExt(s.describe(name, help, labels), bounds)
}

// Buckets returns upper ends of buckets: the first, and each so many times the one before.
func Buckets(first, factor float64, count int) []float64 {
	return metrics.ExponentialBuckets(first, factor, count)
}

// DiskFree adds the free space on the disk of a folder: not a number if that is not known.
func (s *Set) DiskFree(folder string, free func() (bytes uint64, known bool)) {
	s.Gauge("disk_free_bytes", "Free space on the disk of a folder.", func() float64 {
		bytes, known := free()
		if !known {
			return math.NaN()
		}
		return float64(bytes)
	}, "folder", folder)
}

// Flag is the value of a gauge that says yes or no.
func Flag(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// describe keeps the sentence of a figure, and returns its name with labels.
func (s *Set) describe(name, help string, labels []string) string {
	name = Prefix + name
	s.mu.Lock()
	s.help[name] = help
	s.mu.Unlock()
	for i := 0; i+1 < len(labels); i += 2 {
		name += fmt.Sprintf("%c%s=%q", "{,"[min(i, 1)], labels[i], labels[i+1])
	}
	if len(labels) > 0 {
		name += "}"
	}
	return name
}

// Write writes all figures in the text format of Prometheus.
func (s *Set) Write(w io.Writer) {
	var text bytes.Buffer
	s.set.WritePrometheus(&text)
	rewrite(w, &text, func(name string) string {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.help[name]
	})
}

// WriteProcess writes the figures of the Go runtime and of the process.
func WriteProcess(w io.Writer) {
	var text bytes.Buffer
	metrics.WriteProcessMetrics(&text)
	rewrite(w, &text, func(name string) string {
		if strings.HasSuffix(name, "_count") { // no histogram: promlint does not allow such a name
			return ""
		}
		return "Of the process or the Go runtime, as github.com/VictoriaMetrics/metrics measures it."
	})
}

const (
	helpMark = "# HELP "
	typeMark = "# TYPE "
)

// rewrite puts in the sentences, which the library leaves out, and corrects the type of
// counters that it calls gauges. A figure without a sentence is left out.
func rewrite(w io.Writer, text *bytes.Buffer, help func(name string) string) {
	var out bytes.Buffer
	isLeftOut := false
	for line := range strings.Lines(text.String()) {
		if name, ok := strings.CutPrefix(line, helpMark); ok {
			name = strings.TrimSuffix(name, "\n")
			sentence := help(name)
			isLeftOut = sentence == ""
			line = helpMark + name + " " + sentence + "\n"
		} else if name, ok := strings.CutPrefix(line, typeMark); ok {
			line = typeMark + strings.Replace(name, "_total gauge", "_total counter", 1)
		}
		if !isLeftOut {
			out.WriteString(line)
		}
	}
	_, _ = out.WriteTo(w) // a caller who hangs up
}
