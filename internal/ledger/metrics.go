package ledger

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	appendSeconds prometheus.Histogram
	batchEntries  prometheus.Histogram
}

func newMetrics() *metrics {
	return &metrics{
		appendSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "journal_append_seconds",
			Help:    "Time to write and fsync one batch.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16),
		}),
		batchEntries: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "journal_batch_entries",
			Help:    "Entries that shared one fsync.",
			Buckets: prometheus.ExponentialBuckets(1, 4, 9),
		}),
	}
}

func (m *metrics) appended(took time.Duration, entries int) {
	m.appendSeconds.Observe(took.Seconds())
	m.batchEntries.Observe(float64(entries))
}

// Collectors returns what the ledger measures of itself.
func (l *Ledger) Collectors() []prometheus.Collector {
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	return []prometheus.Collector{
		l.metrics.appendSeconds,
		l.metrics.batchEntries,
		gauge("meters", "Registered meters.", func() float64 {
			meters, _ := l.store.Counts()
			return float64(meters)
		}),
		gauge("readings_in_memory", "Readings that are not archived and cleared yet.", func() float64 {
			_, readings := l.store.Counts()
			return float64(readings)
		}),
		gauge("commits_waiting", "Commits that wait for the disk.", func() float64 {
			return float64(len(l.committer.queue))
		}),
		gauge("receiving", "1 while readings are received, 0 while shut down.", func() float64 {
			if l.store.Receiving() {
				return 1
			}
			return 0
		}),
	}
}
