package rest

import (
	"fmt"
	"net/http"

	"meterledger/internal/meter"
	"meterledger/internal/rules"
)

// exportsMax is how many exports run at a time: each reads the disk, or all of the memory,
// as fast as its caller takes the rows.
const exportsMax = 4

func newExportBudget() *budget {
	return newBudget(exportsMax, 0, "exports", meter.KindTooMany, meter.CodeRateLimited)
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
	if err := a.exports.take(r, 1); err != nil {
		return err
	}
	defer a.exports.give(r, 1)
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=readings_%s.csv", period))
	return a.streamCSV(w, r, func(s *rowStream) error { return a.reader.Export(r.Context(), window, s.add) })
}
