package maintenance

import (
	"context"
	"sync/atomic"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/metric"
)

// figures are what a service counts since it started.
type figures struct {
	succeeded, failed *metric.Counter
	successAt         atomic.Int64 // s of Unix time; 0 if no success is known of
	isAPIReachable    atomic.Bool
}

// measure tells Prometheus about the service.
func (s *Service) measure(set *metric.Set) {
	kind := s.kind.program
	runs := func(result string) *metric.Counter {
		return set.Counter("maintenance_runs_total", "Runs of maintenance that have ended since the program started.", "type", kind, "result", result)
	}
	s.figures.succeeded, s.figures.failed = runs("success"), runs("failure")
	for _, r := range s.last { // the newest first
		if r.succeeded() {
			s.figures.successAt.Store(r.FinishedAt.Unix())
			break
		}
	}
	set.Gauge("maintenance_last_success_timestamp_seconds", "When a run last succeeded; 0 if none is known of.",
		func() float64 { return float64(s.figures.successAt.Load()) }, "type", kind)
	set.Gauge("maintenance_running", "1 while such a run is under way.",
		func() float64 { return metric.Flag(s.currentPeriod() != meter.Period{}) }, "type", kind)
	set.Gauge("maintenance_owed", "Periods whose last run failed and will be tried again.", func() float64 {
		s.mu.Lock()
		defer s.mu.Unlock()
		return float64(len(s.owed))
	}, "type", kind)
	set.Gauge("next_run_timestamp_seconds", "When the schedule begins the next run; 0 if it is off.", func() float64 {
		if next, ok := s.nextTime(); ok {
			return float64(next.Unix())
		}
		return 0
	}, "type", kind)
	set.Gauge("api_reachable", "1 if the api answered when it was last asked whether it is alive.",
		func() float64 { return metric.Flag(s.figures.isAPIReachable.Load()) })
}

func (f *figures) ended(failure *meter.Error, at time.Time) {
	if failure != nil {
		f.failed.Inc()
		return
	}
	f.succeeded.Inc()
	f.successAt.Store(at.Unix())
}

// lookEvery is how often a service looks whether the api is there.
const lookEvery = 15 * time.Second

// LookForAPI asks the api from time to time whether it is alive, for the metrics, until the
// service's context is done.
func (s *Service) LookForAPI() {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		ctx, cancel := context.WithTimeout(s.ctx, watchEvery)
		s.figures.isAPIReachable.Store(s.api.Healthy(ctx) == nil)
		cancel()
		select {
		case <-s.ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
