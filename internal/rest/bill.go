package rest

import (
	"net/http"

	"meterledger/api"
	"meterledger/internal/billing"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
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
	bill, err := a.readerOf(r.Context()).Bill(q.Meter, q.Month)
	if err != nil {
		return err
	}
	now := a.figures(bill.Figures)
	answer := api.Bill{
		MeterID: q.Meter, Period: q.Month.String(), StartReading: now.StartReading, EndReading: now.EndReading, Consumption: now.Consumption,
		StartTime: now.StartTime, EndTime: now.EndTime, Readings: now.Readings, ExpectedReadings: bill.Expected, Complete: now.Complete,
		Revision: bill.Revision, Success: true, Message: "Bill details retrieved successfully", Terms: a.terms,
		Lines: now.Lines, RegisterChanges: now.RegisterChanges,
	}
	if bill.Previous != nil {
		answer.RevisedAt, answer.Previous = new(a.zone.StampTime(bill.RevisedAt)), new(a.figures(*bill.Previous))
	}
	// Encoding a bill costs less than a fingerprint of its data.
	encoded := q.Numbers.encode(httpkit.Encode(answer))
	if !notModified(w, r, typeJSON, encoded) {
		httpkit.WriteEncoded(w, http.StatusOK, encoded)
	}
	return nil
}

func (a *app) figures(f billing.Figures) api.BillFigures {
	figures := api.BillFigures{Readings: f.Readings, Complete: f.Complete(), Lines: []api.BillLine{}}
	if !f.IsUnknown {
		figures.RegisterChanges = registerChanges(a.zone, f.Changes)
		for _, line := range f.Lines() {
			figures.Lines = append(figures.Lines, api.BillLine{
				Serial: known(line.Serial), StartTime: a.stampAt(line.Start.At), EndTime: a.stampAt(line.End.At),
				StartReading: line.Start.Register, EndReading: line.End.Register, Consumption: line.Energy,
			})
		}
		figures.StartReading, figures.EndReading, figures.Consumption = &f.Start.Register, &f.End.Register, new(f.Consumption())
		figures.StartTime, figures.EndTime = new(a.zone.Stamp(f.Start.Slot)), new(a.zone.Stamp(f.End.Slot))
	}
	return figures
}
