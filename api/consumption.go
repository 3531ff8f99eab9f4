package api

import (
	"encoding/json"

	"meterledger/internal/meter"
)

// Usage is the energy that went through a meter in a period: the later register minus the
// earlier.
type Usage struct {
	MeterID          meter.ID       `json:"meter_id"`
	Period           string         `json:"period"` // as in the request
	StartReading     meter.Register `json:"start_reading"`
	EndReading       meter.Register `json:"end_reading"`
	Consumption      meter.Energy   `json:"consumption"`
	StartTime        string         `json:"start_time"`
	EndTime          string         `json:"end_time"`
	Readings         int            `json:"readings"`
	ExpectedReadings int            `json:"expected_readings"`
	Complete         bool           `json:"complete"`

	RegisterChanges []RegisterChange `json:"register_changes,omitempty"`
}

// RegisterChange is a change of dials between two registers. What was used between them is the
// later less the earlier and, of each change, its old register less its new one.
type RegisterChange struct {
	At           string          `json:"at"`
	Kind         string          `json:"kind"` // exchange, rollover or reset
	OldReading   meter.Register  `json:"old_reading"`
	NewReading   meter.Register  `json:"new_reading"`
	Serial       *string         `json:"serial"`                  // of the new meter
	EstimatedKWh *meter.Register `json:"estimated_kwh,omitempty"` // in OldReading, if nobody read it
}

// Terms say how to read an answer: its local times and its figures.
type Terms struct {
	Timezone string `json:"timezone"`
	Unit     string `json:"unit"` // always kWh
}

// TermsIn returns the terms of answers with the local times of a time zone.
func TermsIn(timezone string) Terms { return Terms{timezone, "kWh"} }

// PeriodConsumption is the usage of a period and, on request, of the period before.
type PeriodConsumption struct {
	Usage
	Terms
	Previous *PreviousConsumption `json:"previous,omitempty"`
	Certainty
}

// Certainty says how well the energy between two registers is known. Both are null if a register
// is missing.
type Certainty struct {
	Quality *string `json:"quality"` // ACTUAL, SUBSTITUTE or ESTIMATE
	Method  *string `json:"method"`  // linear, like_day, mean_day or edited; null if ACTUAL
}

// PreviousConsumption is the usage of the window before. Fields that need two readings are
// null if there are fewer.
type PreviousConsumption struct {
	Start            string          `json:"start"`
	End              string          `json:"end"`
	StartReading     *meter.Register `json:"start_reading"`
	EndReading       *meter.Register `json:"end_reading"`
	Consumption      *meter.Energy   `json:"consumption"`
	StartTime        *string         `json:"start_time"`
	EndTime          *string         `json:"end_time"`
	Readings         int             `json:"readings"`
	ExpectedReadings int             `json:"expected_readings"`
	Complete         bool            `json:"complete"`
	Difference       *meter.Energy   `json:"difference"`
	Percent          *json.Number    `json:"percent"`
	Certainty

	RegisterChanges []RegisterChange `json:"register_changes,omitempty"`
}

// Bill is the usage of a closed month. Late readings revise it. If a meter has one
// register and no earlier bill, what two registers would say is null, here and in
// BillFigures.
type Bill struct {
	MeterID          meter.ID        `json:"meter_id"`
	Period           string          `json:"period"` // YYYY-MM
	StartReading     *meter.Register `json:"start_reading"`
	EndReading       *meter.Register `json:"end_reading"`
	Consumption      *meter.Energy   `json:"consumption"`
	StartTime        *string         `json:"start_time"`
	EndTime          *string         `json:"end_time"`
	Readings         int             `json:"readings"`
	ExpectedReadings int             `json:"expected_readings"`
	Complete         bool            `json:"complete"`
	Revision         int             `json:"revision"`   // 1 for the first
	RevisedAt        *string         `json:"revised_at"` // null for revision 1, like Previous
	Previous         *BillFigures    `json:"previous"`
	Success          bool            `json:"success"`
	Message          string          `json:"message"`
	Terms
	Lines           []BillLine       `json:"lines"`
	RegisterChanges []RegisterChange `json:"register_changes,omitempty"`
}

// BillLine is the part of a bill that one dial counted.
type BillLine struct {
	Serial       *string        `json:"serial"` // of its meter; null if it is not known
	StartTime    string         `json:"start_time"`
	EndTime      string         `json:"end_time"`
	StartReading meter.Register `json:"start_reading"`
	EndReading   meter.Register `json:"end_reading"`
	Consumption  meter.Energy   `json:"consumption"`
}

// BillFigures are those of a bill before its last revision.
type BillFigures struct {
	StartReading *meter.Register `json:"start_reading"`
	EndReading   *meter.Register `json:"end_reading"`
	Consumption  *meter.Energy   `json:"consumption"`
	StartTime    *string         `json:"start_time"`
	EndTime      *string         `json:"end_time"`
	Readings     int             `json:"readings"`
	Complete     bool            `json:"complete"`

	Lines           []BillLine       `json:"lines"`
	RegisterChanges []RegisterChange `json:"register_changes,omitempty"`
}
