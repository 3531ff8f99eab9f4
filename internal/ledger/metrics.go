package ledger

import (
	"time"

	prom "github.com/VictoriaMetrics/metrics"
)

// metrics is what the ledger measures of itself.
type metrics struct {
	set           *prom.Set
	appendSeconds *prom.PrometheusHistogram // to write and fsync one batch
	batchEntries  *prom.PrometheusHistogram // that shared one fsync
}

func newMetrics() *metrics {
	set := prom.NewSet()
	return &metrics{
		set:           set,
		appendSeconds: set.NewPrometheusHistogramExt("journal_append_seconds", prom.ExponentialBuckets(0.0001, 2, 16)),
		batchEntries:  set.NewPrometheusHistogramExt("journal_batch_entries", prom.ExponentialBuckets(1, 4, 9)),
	}
}

func (m *metrics) appended(took time.Duration, entries int) {
	m.appendSeconds.Update(took.Seconds())
	m.batchEntries.Update(float64(entries))
}

// Metrics returns what the ledger measures of itself, for Prometheus.
func (l *Ledger) Metrics() *prom.Set {
	set := l.metrics.set
	set.GetOrCreateGauge("meters", func() float64 { // registered
		meters, _ := l.store.Counts()
		return float64(meters)
	})
	set.GetOrCreateGauge("readings_in_memory", func() float64 { // not archived and cleared yet
		_, readings := l.store.Counts()
		return float64(readings)
	})
	set.GetOrCreateGauge("commits_waiting", func() float64 { return float64(len(l.committer.queue)) }) // for the disk
	set.GetOrCreateGauge("receiving", func() float64 {                                                 // 0 while shut down
		if l.store.Receiving() {
			return 1
		}
		return 0
	})
	return set
}
