package rest

import (
	"net/http"

	"meterledger/internal/meter"
	"meterledger/internal/web"
)

type billRequest struct {
	MeterID string `param:"meter_id" validate:"required,meter_id"`
	Month   string `param:"month" validate:"required,month"`
}

type billAnswer struct {
	consumptionAnswer
	successAnswer
}

func (a *api) lastMonthBill(w http.ResponseWriter, r *http.Request) error {
	var q meterRequest
	if err := web.Bind(r, &q); err != nil {
		return err
	}
	return a.writeBill(w, r, meter.ID(q.MeterID), a.ledger.LastMonth())
}

func (a *api) bill(w http.ResponseWriter, r *http.Request) error {
	var q billRequest
	if err := web.Bind(r, &q); err != nil {
		return err
	}
	month, _ := meter.ParseMonth(q.Month) // validated above
	return a.writeBill(w, r, meter.ID(q.MeterID), month)
}

func (a *api) writeBill(w http.ResponseWriter, r *http.Request, id meter.ID, month meter.Month) error {
	bill, err := a.ledger.Bill(id, month)
	if err != nil {
		return err
	}
	answer := web.Encode(billAnswer{
		consumptionAnswer{
			MeterID: id, Period: month.String(),
			StartReading: bill.Start.Register, EndReading: bill.End.Register, Consumption: bill.Consumption(),
			StartTime: a.zone.Stamp(bill.Start.Slot), EndTime: a.zone.Stamp(bill.End.Slot),
			Readings: bill.Readings, ExpectedReadings: bill.Expected, Complete: bill.Complete(),
		},
		successAnswer{true, "Bill details retrieved successfully"},
	})
	// A bill costs less than a look at what it is made of, so it is its own state.
	if !notModified(w, r, typeJSON, answer) {
		web.WriteEncoded(w, http.StatusOK, answer)
	}
	return nil
}
