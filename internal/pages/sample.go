package pages

import (
	"bytes"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"meterledger/internal/httpkit"
	"meterledger/internal/metric"
)

// sample is what the program counted until a moment, since it started.
type sample struct {
	at       time.Time
	taken    float64              // readings that are kept: accepted
	refused  map[string]float64   // readings that were not taken, by code
	requests map[string]histogram // by method and route
	failed   map[string]uint64    // requests that were answered with 5xx, by route
	batches  histogram            // to write and fsync one
	gauges   map[string]float64   // by name, the sum of all labels; and by name, a space, and each label's value
}

// readSample reads what Prometheus is told.
func readSample(m *httpkit.Metrics, at time.Time) (*sample, error) {
	var text bytes.Buffer
	m.Write(&text)
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(&text)
	if err != nil {
		return nil, err
	}
	f := &sample{
		at: at, refused: make(map[string]float64), requests: make(map[string]histogram), failed: make(map[string]uint64), gauges: make(map[string]float64),
	}
	for labels, of := range each(families, "readings_total") {
		f.countReading(labels, of.GetCounter().GetValue())
	}
	for labels, of := range each(families, "http_request_duration_seconds") {
		route, took := labels["method"]+" "+labels["route"], histogramOf(of)
		f.requests[route] = f.requests[route].plus(took)
		if labels["status"] >= "500" {
			f.failed[route] += took.count
		}
	}
	for _, of := range each(families, "journal_append_seconds") {
		f.batches = histogramOf(of)
	}
	for name, family := range families {
		if family.GetType() != dto.MetricType_GAUGE {
			continue
		}
		name = strings.TrimPrefix(name, metric.Prefix)
		for labels, of := range each(families, name) {
			for _, label := range labels {
				f.gauges[name+" "+label] = of.GetGauge().GetValue()
			}
			f.gauges[name] += of.GetGauge().GetValue()
		}
	}
	return f, nil
}

func (f *sample) countReading(labels map[string]string, count float64) {
	switch labels["verdict"] {
	case "accepted":
		f.taken += count
	case "rejected", "retry":
		f.refused[labels["code"]] += count
	}
}

// each yields the figures of a name, which has no prefix, with their labels.
func each(families map[string]*dto.MetricFamily, name string) iter.Seq2[map[string]string, *dto.Metric] {
	return func(yield func(map[string]string, *dto.Metric) bool) {
		for _, of := range families[metric.Prefix+name].GetMetric() {
			labels := make(map[string]string)
			for _, pair := range of.GetLabel() {
				labels[pair.GetName()] = pair.GetValue()
			}
			if !yield(labels, of) {
				return
			}
		}
	}
}

// histogram is how often something took how long.
type histogram struct {
	bounds []float64 // seconds, rising
	within []uint64  // by bound, how often it took so long at most
	count  uint64    // in all
}

func histogramOf(of *dto.Metric) histogram {
	h := histogram{count: of.GetHistogram().GetSampleCount()}
	for _, bucket := range of.GetHistogram().GetBucket() {
		if !math.IsInf(bucket.GetUpperBound(), 1) {
			h.bounds, h.within = append(h.bounds, bucket.GetUpperBound()), append(h.within, bucket.GetCumulativeCount())
		}
	}
	return h
}

// plus adds one of the same bounds, or of none.
func (h histogram) plus(other histogram) histogram {
	return h.with(other, func(a, b uint64) uint64 { return a + b })
}

// since takes away what was counted before.
func (h histogram) since(before histogram) histogram {
	return h.with(before, func(a, b uint64) uint64 { return a - b })
}

func (h histogram) with(other histogram, join func(a, b uint64) uint64) histogram {
	sum := histogram{bounds: h.bounds, count: join(h.count, other.count), within: slices.Clone(h.within)}
	if h.bounds == nil {
		sum.bounds, sum.within = other.bounds, make([]uint64, len(other.within))
	}
	for n := range other.within {
		sum.within[n] = join(sum.within[n], other.within[n])
	}
	return sum
}

// most returns how long 99 of 100 took at most: a bound, or more than the last, which is then over.
func (h histogram) most() (bound time.Duration, isOver bool) {
	n := slices.IndexFunc(h.within, func(count uint64) bool { return 100*count >= 99*h.count })
	if isOver = n < 0; isOver {
		n = len(h.bounds) - 1
	}
	return time.Duration(h.bounds[n] * float64(time.Second)), isOver
}
