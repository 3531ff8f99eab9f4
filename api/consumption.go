package api

import (
	"encoding/json"

	"meterledger/internal/meter"
)

// Usage is the energy that went through a meter in a period: the later register
// less the earlier.
type Usage struct {
	MeterID          meter.ID     `json:"meter_id"`
	Period           string       `json:"period"` // what was asked for; of a bill, its YYYY-MM
	StartReading     meter.KWh    `json:"start_reading"`
	EndReading       meter.KWh    `json:"end_reading"`
	Consumption      meter.Energy `json:"consumption"`
	StartTime        string       `json:"start_time"`
	EndTime          string       `json:"end_time"`
	Readings         int          `json:"readings"`
	ExpectedReadings int          `json:"expected_readings"`
	Complete         bool         `json:"complete"`
}

// PeriodConsumption is the usage of a period, beside that of the period before if
// the comparison was asked for.
type PeriodConsumption struct {
	Usage
	Previous *PreviousConsumption `json:"previous,omitempty"`
}

// PreviousConsumption is the window before. What takes two readings is null if
// there are fewer.
type PreviousConsumption struct {
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

// Bill is the usage of a closed month. Late readings revise it.
type Bill struct {
	Usage
	Revision  int          `json:"revision"`   // 1 when it is first made
	RevisedAt *string      `json:"revised_at"` // null at revision 1, as is Previous
	Previous  *BillFigures `json:"previous"`
	Success   bool         `json:"success"`
	Message   string       `json:"message"`
}

// BillFigures is what a bill said before it was revised.
type BillFigures struct {
	StartReading meter.KWh    `json:"start_reading"`
	EndReading   meter.KWh    `json:"end_reading"`
	Consumption  meter.Energy `json:"consumption"`
	StartTime    string       `json:"start_time"`
	EndTime      string       `json:"end_time"`
	Readings     int          `json:"readings"`
	Complete     bool         `json:"complete"`
}
