package rest

import (
	"net/http"

	"meterledger/api"
	"meterledger/internal/billing"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

type billRequest struct {
	Meter meter.ID    `param:"meter_id,required"`
	Month meter.Month `param:"month,required"`
}

func (a *app) lastMonthBill(w http.ResponseWriter, r *http.Request, q *meterRequest) error {
	return a.bill(w, r, &billRequest{q.Meter, a.ledger.LastMonth()})
}

func (a *app) bill(w http.ResponseWriter, r *http.Request, q *billRequest) error {
	bill, err := a.ledger.Bill(q.Meter, q.Month)
	if err != nil {
		return err
	}
	answer := api.Bill{
		Usage: api.Usage{
			MeterID: q.Meter, Period: q.Month.String(),
			StartReading: bill.Start.Register, EndReading: bill.End.Register, Consumption: bill.Consumption(),
			StartTime: a.zone.Stamp(bill.Start.Slot), EndTime: a.zone.Stamp(bill.End.Slot),
			Readings: bill.Readings, ExpectedReadings: bill.Expected, Complete: bill.Complete(),
		},
		Revision: bill.Revision, Success: true, Message: "Bill details retrieved successfully",
	}
	if bill.Previous != nil {
		at := a.zone.StampTime(bill.RevisedAt)
		answer.RevisedAt, answer.Previous = &at, a.billFigures(*bill.Previous)
	}
	// A bill costs less than a look at what it is made of, so it is its own state.
	encoded := httpkit.Encode(answer)
	if !notModified(w, r, typeJSON, encoded) {
		httpkit.WriteEncoded(w, http.StatusOK, encoded)
	}
	return nil
}

func (a *app) billFigures(f billing.Figures) *api.BillFigures {
	return &api.BillFigures{
		StartReading: f.Start.Register, EndReading: f.End.Register, Consumption: f.Consumption(),
		StartTime: a.zone.Stamp(f.Start.Slot), EndTime: a.zone.Stamp(f.End.Slot),
		Readings: f.Readings, Complete: f.Complete(),
	}
}
