package rest

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

type gapsRequest struct {
	Month string `param:"month" validate:"required,month"`
}

type gapsAnswer struct {
	MeterID          meter.ID    `json:"meter_id"`
	Month            string      `json:"month"`
	Readings         int         `json:"readings"`
	ExpectedReadings int         `json:"expected_readings"`
	Missing          int         `json:"missing"`
	Complete         bool        `json:"complete"`
	Gaps             []gapAnswer `json:"gaps"`
}

// gapAnswer is a run of half hours without a reading.
type gapAnswer struct {
	First string `json:"first"`
	Last  string `json:"last"`
	Count int    `json:"count"`
}

func (a *api) gaps(w http.ResponseWriter, r *http.Request) error {
	var q gapsRequest
	if err := httpkit.Bind(r, &q); err != nil {
		return err
	}
	id, err := meter.ParseID(chi.URLParam(r, "meter_id"))
	if err != nil {
		return err
	}
	month, _ := meter.ParseMonth(q.Month) // validated before
	if month.Year < meter.EarliestYear {
		return meter.Invalid(meter.CodeInvalidParameter, "month", "must not be before the year %d", meter.EarliestYear)
	}
	window := a.zone.MonthWindow(month)
	state, closed, err := a.ledger.ClosedState(id, window, false)
	if err != nil || closed && notModified(w, r, typeJSON, state[:]) {
		return err
	}
	gaps, err := a.ledger.Gaps(id, window)
	if err != nil {
		return err
	}
	answer := gapsAnswer{
		MeterID: id, Month: q.Month, Readings: gaps.Readings, ExpectedReadings: gaps.Expected,
		Missing: gaps.Expected - gaps.Readings, Complete: gaps.Expected == gaps.Readings, Gaps: make([]gapAnswer, 0, len(gaps.Runs)),
	}
	for _, run := range gaps.Runs {
		answer.Gaps = append(answer.Gaps, gapAnswer{a.zone.Stamp(run.From), a.zone.Stamp(run.To), run.Points()})
	}
	httpkit.WriteJSON(w, http.StatusOK, answer)
	return nil
}
