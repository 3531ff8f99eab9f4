package rest

import (
	"fmt"
	"net/http"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/rules"
)

// exportsMax is how many exports run at a time: each reads the disk, or all of the memory,
// as fast as its caller takes the rows.
const exportsMax = 4

var errExports = &meter.Error{
	Kind: meter.KindTooMany, Code: meter.CodeRateLimited, RetryAfter: 10 * time.Second,
	Detail: fmt.Sprintf("%d exports are under way, and no more are run at a time", exportsMax),
}

type exportRequest struct {
	Date  meter.Day   `param:"date" validate:"required_without=Month,excluded_with=Month"`
	Month meter.Month `param:"month"`
}

// Check makes sure that the rules hold.
func (q *exportRequest) Check() error { return rules.Check(q) }

// export answers with the raw readings of all meters for a day or a month, written as its
// archive would be now.
func (a *app) export(w http.ResponseWriter, r *http.Request, q *exportRequest) error {
	name, period := "date", q.Date.Period()
	if period == (meter.Period{}) {
		name, period = "month", q.Month.Period()
	}
	first, today := period.FirstDay(), a.zone.Today(a.reader.Now())
	if first.Year < meter.EarliestYear || today.Before(first) {
		return meter.Invalid(meter.CodeInvalidParameter, name, "lies outside the time from %d to today", meter.EarliestYear)
	}
	window := period.Window(a.zone).Rows()
	state, closed := a.reader.ClosedMonthFingerprint(window)
	if closed && notModified(w, r, typeCSV, state[:]) {
		return nil
	}
	select {
	case a.exports <- struct{}{}:
		defer func() { <-a.exports }()
	default:
		return errExports
	}
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=readings_%s.csv", period))
	return a.streamCSV(w, r, func(s *rowStream) error { return a.reader.Export(r.Context(), window, s.add) })
}
