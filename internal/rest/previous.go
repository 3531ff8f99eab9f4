package rest

import (
	"encoding/json"

	"meterledger/internal/ledger"
	"meterledger/internal/meter"
)

// previousAnswer is the window before. What takes two readings is null where there
// are fewer.
type previousAnswer struct {
	Start            string        `json:"start"`
	End              string        `json:"end"`
	StartReading     *meter.KWh    `json:"start_reading"`
	EndReading       *meter.KWh    `json:"end_reading"`
	Consumption      *meter.Energy `json:"consumption"`
	StartTime        *string       `json:"start_time"`
	EndTime          *string       `json:"end_time"`
	Readings         int           `json:"readings"`
	ExpectedReadings int           `json:"expected_readings"`
	Complete         bool          `json:"complete"`
	Difference       *meter.Energy `json:"difference"`
	Percent          *json.Number  `json:"percent"`
}

func (a *api) previousAnswer(before ledger.Comparison, since ledger.Consumption) previousAnswer {
	answer := previousAnswer{
		Start: a.zone.Stamp(before.Window.From), End: a.zone.Stamp(before.Window.To),
		Readings: before.Readings, ExpectedReadings: before.Expected, Complete: before.Complete(),
	}
	if !before.Known() {
		return answer
	}
	energy, difference := before.Energy(), before.Difference(since)
	start, end := a.zone.Stamp(before.Start.Slot), a.zone.Stamp(before.End.Slot)
	answer.StartReading, answer.EndReading = &before.Start.Register, &before.End.Register
	answer.StartTime, answer.EndTime = &start, &end
	answer.Consumption, answer.Difference = &energy, &difference
	if percent, known := before.Percent(since); known {
		number := json.Number(percent.String())
		answer.Percent = &number
	}
	return answer
}
