package rest

import (
	"net/http"

	"meterledger/internal/billing"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

type billRequest struct {
	MeterID string `param:"meter_id" validate:"required,meter_id"`
	Month   string `param:"month" validate:"required,month"`
}

type billAnswer struct {
	consumptionAnswer
	Revision  int                `json:"revision"`
	RevisedAt *string            `json:"revised_at"` // null at revision 1, as is previous
	Previous  *billFiguresAnswer `json:"previous"`
	successAnswer
}

// billFiguresAnswer is what a bill said before it was revised.
type billFiguresAnswer struct {
	StartReading meter.KWh    `json:"start_reading"`
	EndReading   meter.KWh    `json:"end_reading"`
	Consumption  meter.Energy `json:"consumption"`
	StartTime    string       `json:"start_time"`
	EndTime      string       `json:"end_time"`
	Readings     int          `json:"readings"`
	Complete     bool         `json:"complete"`
}

func (a *api) lastMonthBill(w http.ResponseWriter, r *http.Request) error {
	var q meterRequest
	if err := httpkit.Bind(r, &q); err != nil {
		return err
	}
	return a.writeBill(w, r, meter.ID(q.MeterID), a.ledger.LastMonth())
}

func (a *api) bill(w http.ResponseWriter, r *http.Request) error {
	var q billRequest
	if err := httpkit.Bind(r, &q); err != nil {
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
	answer := billAnswer{
		consumptionAnswer: consumptionAnswer{
			MeterID: id, Period: month.String(),
			StartReading: bill.Start.Register, EndReading: bill.End.Register, Consumption: bill.Consumption(),
			StartTime: a.zone.Stamp(bill.Start.Slot), EndTime: a.zone.Stamp(bill.End.Slot),
			Readings: bill.Readings, ExpectedReadings: bill.Expected, Complete: bill.Complete(),
		},
		Revision:      bill.Revision,
		successAnswer: successAnswer{true, "Bill details retrieved successfully"},
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

func (a *api) billFigures(f billing.Figures) *billFiguresAnswer {
	return &billFiguresAnswer{
		StartReading: f.Start.Register, EndReading: f.End.Register, Consumption: f.Consumption(),
		StartTime: a.zone.Stamp(f.Start.Slot), EndTime: a.zone.Stamp(f.End.Slot),
		Readings: f.Readings, Complete: f.Complete(),
	}
}
