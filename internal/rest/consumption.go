package rest

import (
	"net/http"

	"meterledger/internal/ledger"
	"meterledger/internal/meter"
	"meterledger/internal/web"
)

type consumptionRequest struct {
	MeterID string `param:"meter_id" validate:"required,meter_id"`
	Period  string `param:"period" validate:"required,oneof=last_30min today this_week this_month last_month custom"`
	Start   string `param:"start"`
	End     string `param:"end"`
}

type consumptionAnswer struct {
	MeterID          meter.ID     `json:"meter_id"`
	Period           string       `json:"period"`
	StartReading     meter.KWh    `json:"start_reading"`
	EndReading       meter.KWh    `json:"end_reading"`
	Consumption      meter.Energy `json:"consumption"`
	StartTime        string       `json:"start_time"`
	EndTime          string       `json:"end_time"`
	Readings         int          `json:"readings"`
	ExpectedReadings int          `json:"expected_readings"`
	Complete         bool         `json:"complete"`
}

func (a *api) consumption(w http.ResponseWriter, r *http.Request) error {
	var q consumptionRequest
	if err := web.Bind(r, &q); err != nil {
		return err
	}
	window, err := a.customWindow(q)
	if err != nil {
		return err
	}
	c, err := a.ledger.Consumption(meter.ID(q.MeterID), ledger.Period(q.Period), window)
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, consumptionAnswer{
		MeterID: meter.ID(q.MeterID), Period: q.Period,
		StartReading: c.Start.Register, EndReading: c.End.Register, Consumption: c.Energy(),
		StartTime: a.zone.Stamp(c.Start.Slot), EndTime: a.zone.Stamp(c.End.Slot),
		Readings: c.Readings, ExpectedReadings: c.Expected, Complete: c.Complete(),
	})
	return nil
}

// customWindow reads start and end, which belong to period=custom and to no other.
func (a *api) customWindow(q consumptionRequest) (meter.Window, error) {
	if ledger.Period(q.Period) == ledger.Custom {
		return a.window(q.Start, q.End)
	}
	for _, bound := range []struct{ name, value string }{{"start", q.Start}, {"end", q.End}} {
		if bound.value != "" {
			return meter.Window{}, meter.Invalid(meter.CodeInvalidParameter, bound.name, "only goes with period=custom")
		}
	}
	return meter.Window{}, nil
}

// window reads the two bounds of a window, both of which must be there.
func (a *api) window(start, end string) (w meter.Window, err error) {
	for _, bound := range []struct {
		name, value string
		slot        *meter.Slot
	}{{"start", start, &w.From}, {"end", end, &w.To}} {
		if bound.value == "" {
			return w, meter.Invalid(meter.CodeInvalidParameter, bound.name, "is missing")
		}
		if *bound.slot, err = a.zone.ParseSlot(bound.name, bound.value); err != nil {
			return w, err
		}
	}
	if w.To <= w.From {
		return w, meter.Invalid(meter.CodeInvalidParameter, "end", "must be after start")
	}
	return w, nil
}
