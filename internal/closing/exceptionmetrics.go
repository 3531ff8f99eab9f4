package closing

import (
	"errors"
	"io"

	"meterledger/internal/meter"
	"meterledger/internal/metric"
)

// exceptionCounts are numbers of exceptions by rule.
type exceptionCounts [meter.RuleDecreasing + 1]int64

// measureExceptions tells Prometheus how many exceptions there are.
func (rs *Runs) measureExceptions(set *metric.Set) {
	for _, rule := range meter.ExceptionRules() {
		set.Gauge("exceptions", "Exceptions of the newest day that they were computed for, open or not.", func() float64 {
			rs.mu.Lock()
			defer rs.mu.Unlock()
			return float64(rs.newest.counts[rule])
		}, "rule", rule.String())
	}
	rs.notExamined = set.Counter("exceptions_failures_total", "Days whose exceptions could not be computed or written.")
}

// newestExceptions are what was found in the newest day.
type newestExceptions struct {
	day    meter.Day
	counts exceptionCounts
}

// tellExceptions says what was found in a day.
func (rs *Runs) tellExceptions(day meter.Day, counts exceptionCounts) {
	counts[meter.RuleDecreasing] = rs.countRefused()
	told := []any{"day", day}
	for _, rule := range meter.ExceptionRules() {
		if counts[rule] > 0 {
			told = append(told, rule.String(), counts[rule])
		}
	}
	rs.log.Info("the exceptions of a day were computed", told...)
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if !day.Before(rs.newest.day) {
		rs.newest = newestExceptions{day, counts}
	}
}

// rememberExceptions counts the exceptions of the newest day before this start.
func (rs *Runs) rememberExceptions() {
	days, err := rs.exceptions.days()
	if err != nil || len(days) == 0 {
		return // who asks for them is told
	}
	newest := newestExceptions{day: days[len(days)-1]}
	r, err := rs.openExceptions(newest.day, 0)
	if err != nil {
		return
	}
	defer r.close()
	for {
		e, err := r.next()
		if errors.Is(err, io.EOF) {
			newest.counts[meter.RuleDecreasing] = rs.countRefused()
			rs.newest = newest
			return
		}
		if err != nil {
			return
		}
		newest.counts[e.Rule]++
	}
}

// countRefused returns of how many meters refused readings are kept.
func (rs *Runs) countRefused() (count int64) {
	for range rs.store.AllRefused {
		count++
	}
	return count
}
