package rest

import (
	"net/http"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

type receiveReadingRequest struct {
	MeterID   string `param:"meter_id" validate:"required"`
	Timestamp string `param:"timestamp" validate:"required"`
	Reading   string `param:"reading" validate:"required"`
}

type successAnswer struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
}

var recorded = httpkit.NewConstant(http.StatusOK, successAnswer{true, "Reading recorded successfully"})

func (a *api) receiveReading(w http.ResponseWriter, r *http.Request) error {
	var q receiveReadingRequest
	if err := httpkit.Bind(r, &q); err != nil {
		return err
	}
	reading, err := meter.ParseRow(a.zone, q.MeterID, q.Timestamp, q.Reading)
	if err != nil {
		return err
	}
	if _, err := a.ledger.Record(r.Context(), reading); err != nil {
		return err
	}
	recorded.Write(w)
	return nil
}
