package rest

import (
	"net/http"

	"meterledger/api"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

type readingRequest struct {
	Meter     meter.ID   `param:"meter_id,required"`
	Timestamp meter.Slot `param:"timestamp,required"`
	Reading   meter.KWh  `param:"reading,required"`
}

func (q *readingRequest) reading() meter.Reading {
	return meter.Reading{Meter: q.Meter, Slot: q.Timestamp, Register: q.Reading}
}

var recorded = httpkit.NewConstant(api.ReadingRecorded{Success: true, Message: "Reading recorded successfully"})

func (a *app) receiveReading(w http.ResponseWriter, r *http.Request, q *readingRequest) error {
	if _, err := a.ledger.Record(r.Context(), q.reading()); err != nil {
		return err
	}
	recorded.Write(w)
	return nil
}
