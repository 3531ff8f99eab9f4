// Package latency gathers how long requests took and tells their percentiles, in
// constant memory however many there were, to three significant digits.
package latency

import (
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// What is told apart: microseconds, up to ten minutes; longer counts as that.
const (
	unit              = time.Microsecond
	longest           = 10 * time.Minute
	significantDigits = 3
)

// shardCount keeps goroutines that record at once out of each other's way.
const shardCount = 16

// Recorder takes durations from any number of goroutines.
type Recorder struct{ shards [shardCount]shard }

type shard struct {
	mu        sync.Mutex // guards histogram
	histogram *hdrhistogram.Histogram
}

// NewRecorder returns an empty recorder.
func NewRecorder() *Recorder {
	r := &Recorder{}
	for i := range r.shards {
		r.shards[i].histogram = newHistogram()
	}
	return r
}

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(longest/unit), significantDigits)
}

// Record adds one duration. Goroutines that give different numbers hardly ever
// wait for each other.
func (r *Recorder) Record(number int, took time.Duration) {
	s := &r.shards[number%shardCount]
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.histogram.RecordValue(int64(min(took, longest) / unit)); err != nil {
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
	all := newHistogram()
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		all.Merge(s.histogram)
		s.mu.Unlock()
	}
	at := func(percentile float64) time.Duration { return time.Duration(all.ValueAtPercentile(percentile)) * unit }
	return Summary{
		Count: all.TotalCount(), P50: at(50), P90: at(90), P99: at(99), P999: at(99.9),
		Max: time.Duration(all.Max()) * unit,
	}
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
