package rest

import (
	"net/http"

	"meterledger/internal/httpkit"
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
)

type consumptionRequest struct {
	MeterID string `param:"meter_id" validate:"required,meter_id"`
	Period  string `param:"period" validate:"required,oneof=last_30min today this_week this_month last_month custom"`
	Start   string `param:"start"`
	End     string `param:"end"`
	Compare string `param:"compare" validate:"omitempty,oneof=none previous"`
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

// comparedAnswer is a consumption beside that of the window before.
type comparedAnswer struct {
	consumptionAnswer
	Previous previousAnswer `json:"previous"`
}

func (a *api) consumption(w http.ResponseWriter, r *http.Request) error {
	var q consumptionRequest
	if err := httpkit.Bind(r, &q); err != nil {
		return err
	}
	id := meter.ID(q.MeterID)
	custom, err := a.customWindow(q)
	if err != nil {
		return err
	}
	window, err := a.ledger.Window(id, ledger.Period(q.Period), custom)
	if err != nil {
		return err
	}
	asked := window
	if q.Compare == "previous" {
		asked.From = ledger.WindowBefore(window).From
	}
	state, closed, err := a.ledger.ClosedState(id, asked, false)
	if err != nil || closed && notModified(w, r, typeJSON, state[:]) {
		return err
	}
	c, err := a.ledger.Consumption(id, window)
	if err != nil {
		return err
	}
	answer := a.consumptionAnswer(q, c)
	if q.Compare != "previous" {
		httpkit.WriteJSON(w, http.StatusOK, answer)
		return nil
	}
	before, err := a.ledger.Before(id, window)
	if err != nil {
		return err
	}
	httpkit.WriteJSON(w, http.StatusOK, comparedAnswer{answer, a.previousAnswer(before, c)})
	return nil
}

func (a *api) consumptionAnswer(q consumptionRequest, c ledger.Consumption) consumptionAnswer {
	return consumptionAnswer{
		MeterID: meter.ID(q.MeterID), Period: q.Period,
		StartReading: c.Start.Register, EndReading: c.End.Register, Consumption: c.Energy(),
		StartTime: a.zone.Stamp(c.Start.Slot), EndTime: a.zone.Stamp(c.End.Slot),
		Readings: c.Readings, ExpectedReadings: c.Expected, Complete: c.Complete(),
	}
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
