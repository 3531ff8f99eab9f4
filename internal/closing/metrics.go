package closing

import (
	"slices"
	"sync/atomic"
	"time"

	"meterledger/internal/metric"
)

// counts are what is counted of the runs of one kind. A run of Both counts as one of each.
type counts struct {
	succeeded, failed *metric.Counter
	successAt         atomic.Int64 // of this process, s of Unix time; 0 if there was none
}

func (c *counts) ended(err error, at time.Time) {
	if err != nil {
		c.failed.Inc()
		return
	}
	c.succeeded.Inc()
	c.successAt.Store(at.Unix())
}

// measure tells Prometheus about the runs.
func (rs *Runs) measure(set *metric.Set) {
	if set == nil {
		set = metric.NewSet() // which nobody reads
	}
	runs := func(kind Kind, result string) *metric.Counter {
		return set.Counter("maintenance_runs_total", "Runs of maintenance that have ended since the program started.", "type", string(kind), "result", result)
	}
	rs.counts = make(map[Kind]*counts)
	for _, kind := range []Kind{Daily, Monthly, Restore, Backup} {
		c := &counts{succeeded: runs(kind, "success"), failed: runs(kind, "failure")}
		rs.counts[kind] = c
		set.Gauge("maintenance_last_success_timestamp_seconds", "When a run last succeeded; 0 if none is known of.",
			func() float64 { return float64(max(c.successAt.Load(), rs.writtenAt(kind))) }, "type", string(kind))
	}
	for _, kind := range []Kind{Daily, Monthly, Both, Restore, Backup} {
		set.Gauge("maintenance_running", "1 while such a run is under way.", func() float64 {
			running := rs.running()
			return metric.Flag(running != nil && running.Run.Kind == kind)
		}, "type", string(kind))
	}
	set.Gauge("maintenance_progress_ratio", "How much of its present phase the run has done; 0 while none is under way.", func() float64 {
		if running := rs.running(); running != nil {
			return float64(running.Percent) / 100
		}
		return 0
	})
	set.Gauge("months_to_close", "Months that have ended, have readings in memory, and were never closed.", func() float64 {
		isClosed := func(d Due) bool { return d.Reason != NeverArchived }
		return float64(len(slices.DeleteFunc(rs.dueMonthsUntil(rs.today().CalendarMonth()), isClosed)))
	})
	set.Gauge("daily_archives_due", "Days that have ended and that a daily run should archive, again or for the first time.",
		func() float64 { return float64(len(rs.dueDays(rs.today(), nil))) })
	set.Gauge("late_months", "Closed months that have had readings since; the next monthly run closes them again.",
		func() float64 { return float64(len(rs.store.LateMonths())) })
	rs.measureExceptions(set)
	set.DiskFree("archive", rs.archive.Free)
}

// writtenAt returns when an archive of a kind was written last, by whatever process: s of Unix time, 0 if none was.
func (rs *Runs) writtenAt(kind Kind) (newest int64) {
	switch kind {
	case Daily:
		for _, day := range rs.store.Days() {
			newest = max(newest, day.WrittenAt.Unix())
		}
	case Monthly:
		for _, month := range rs.store.Months() {
			newest = max(newest, month.WrittenAt.Unix())
		}
	}
	return newest
}

// countRun counts a run, or the part of one.
func (rs *Runs) countRun(kind Kind, err error) { rs.counts[kind].ended(err, rs.now()) }

// running returns how far the current run is, or nil if there is none.
func (rs *Runs) running() *Running {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.current == nil {
		return nil
	}
	running := rs.current.progress.running()
	running.Run = rs.current
	return &running
}
