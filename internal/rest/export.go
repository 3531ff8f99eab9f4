package rest

import (
	"fmt"
	"net/http"
	"time"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// exportsMax is how many exports of all meters run at a time: each reads a disk, or
// all of the memory, as fast as its caller takes it.
const exportsMax = 4

type exportRequest struct {
	Date  string `param:"date" validate:"omitempty,day"`
	Month string `param:"month" validate:"omitempty,month"`
}

// export writes the raw readings of all meters for a day or a month, as an archive
// of it would hold them now.
func (a *api) export(w http.ResponseWriter, r *http.Request) error {
	var q exportRequest
	if err := httpkit.Bind(r, &q); err != nil {
		return err
	}
	window, err := a.exportWindow(q)
	if err != nil {
		return err
	}
	state, closed := a.ledger.ClosedMonthState(window)
	if closed && notModified(w, r, typeCSV, state[:]) {
		return nil
	}
	select {
	case a.exports <- struct{}{}:
		defer func() { <-a.exports }()
	default:
		return meter.Unavailable(meter.CodeOverloaded, 10*time.Second,
			"%d exports are under way, and no more are run at a time", exportsMax)
	}
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=readings_%s%s.csv", q.Date, q.Month))
	return a.streamCSV(w, r, func(s *rowStream) error { return a.ledger.Export(r.Context(), window, s.add) })
}

// exportWindow returns the first and the last half hour of the period that is asked
// for, as archives have it.
func (a *api) exportWindow(q exportRequest) (w meter.Window, err error) {
	name := "date"
	day, _ := meter.ParseDay(q.Date) // validated before
	month, _ := meter.ParseMonth(q.Month)
	switch {
	case q.Date == "" && q.Month == "":
		return w, meter.Invalid(meter.CodeInvalidParameter, name, "is missing, and so is month: one of them is needed")
	case q.Date != "" && q.Month != "":
		return w, meter.Invalid(meter.CodeInvalidParameter, name, "does not go with month")
	case q.Month != "":
		name, day = "month", month.FirstDay()
	}
	if today := a.zone.Today(a.ledger.Now()); day.Year < meter.EarliestYear || today.Before(day) {
		return w, meter.Invalid(meter.CodeInvalidParameter, name, "lies outside the time from %d to today", meter.EarliestYear)
	}
	if w = a.zone.DayWindow(day); name == "month" {
		w = a.zone.MonthWindow(month)
	}
	return w.Rows(), nil
}
