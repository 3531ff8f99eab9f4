// Package latency tells percentiles of how long requests took, to three digits, in constant memory.
package latency

import (
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// What is told apart: microseconds, up to ten minutes; longer counts as that.
const (
	unit    = time.Microsecond
	longest = 10 * time.Minute
)

// Recorder takes durations from any number of goroutines.
type Recorder struct {
	mu        sync.Mutex // guards histogram
	histogram *hdrhistogram.Histogram
}

// NewRecorder returns an empty recorder.
func NewRecorder() *Recorder {
	return &Recorder{histogram: hdrhistogram.New(1, int64(longest/unit), 3)}
}

// Record adds one duration.
func (r *Recorder) Record(took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.histogram.RecordValue(int64(min(took, longest) / unit)); err != nil {
		panic(fmt.Sprintf("BUG: %v", err)) // it is within the bounds
	}
}

// Summary is what there is to say of many durations.
type Summary struct {
	Count                    int64
	P50, P90, P99, P999, Max time.Duration
}

// Summary tells what was recorded so far.
func (r *Recorder) Summary() Summary {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := func(percentile float64) time.Duration {
		return time.Duration(r.histogram.ValueAtPercentile(percentile)) * unit
	}
	return Summary{r.histogram.TotalCount(), at(50), at(90), at(99), at(99.9), time.Duration(r.histogram.Max()) * unit}
}

func (s Summary) String() string {
	return fmt.Sprintf("p50 %s  p90 %s  p99 %s  p99.9 %s  max %s", Short(s.P50), Short(s.P90), Short(s.P99), Short(s.P999), Short(s.Max))
}

// Short writes a duration in three digits or so: 873µs, 1.27ms, 34.5ms, 2.04s.
func Short(d time.Duration) string {
	for step := time.Nanosecond; ; step *= 10 {
		if d < 1000*step {
			return d.Round(step).String()
		}
	}
}
