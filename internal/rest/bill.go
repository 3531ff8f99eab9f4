package rest

import (
	"net/http"

	"meterledger/api"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
	"meterledger/internal/query"
)

type billRequest struct {
	Meter   meter.ID    `param:"meter_id,required"`
	Month   meter.Month `param:"month,required"`
	Numbers numberForm  `param:"numbers" oneof:"number string"`
}

type lastBillRequest struct {
	Meter   meter.ID   `param:"meter_id,required"`
	Numbers numberForm `param:"numbers" oneof:"number string"`
}

func (a *app) lastMonthBill(w http.ResponseWriter, r *http.Request, q *lastBillRequest) error {
	return a.bill(w, r, &billRequest{q.Meter, a.reader.LastMonth(), q.Numbers})
}

func (a *app) bill(w http.ResponseWriter, r *http.Request, q *billRequest) error {
	bill, err := a.reader.Bill(q.Meter, q.Month)
	if err != nil {
		return err
	}
	answer := api.Bill{
		Usage:    a.usage(q.Meter, q.Month.String(), query.Consumption(bill.Figures)),
		Revision: bill.Revision, Success: true, Message: "Bill details retrieved successfully", Terms: a.terms,
	}
	if bill.Previous != nil {
		u := a.usage(q.Meter, "", query.Consumption(*bill.Previous))
		answer.RevisedAt, answer.Previous = new(a.zone.StampTime(bill.RevisedAt)), &api.BillFigures{
			StartReading: u.StartReading, EndReading: u.EndReading, Consumption: u.Consumption,
			StartTime: u.StartTime, EndTime: u.EndTime, Readings: u.Readings, Complete: u.Complete,
		}
	}
	// Encoding a bill costs less than a fingerprint of its data.
	encoded := q.Numbers.encode(httpkit.Encode(answer))
	if !notModified(w, r, typeJSON, encoded) {
		httpkit.WriteEncoded(w, http.StatusOK, encoded)
	}
	return nil
}
