package api

import "meterledger/internal/meter"

// AccountCreated confirms a registration.
type AccountCreated struct {
	MeterID meter.ID `json:"meter_id"`
	Message string   `json:"message"`
}

// Account is a household's registration of a meter. What lies outside the time of the credential is
// null.
type Account struct {
	MeterID      meter.ID `json:"meter_id"`
	OwnerName    *string  `json:"owner_name"`
	Address      *string  `json:"address"`
	RegisteredAt *string  `json:"registered_at"`
	Timezone     string   `json:"timezone"`
}

// Meters is one page of the list of meters.
type Meters struct {
	Count   int          `json:"count"`
	Next    *string      `json:"next"` // the cursor of the next page; null on the last
	Results []MeterState `json:"results"`
}

// MeterState is a meter and its last reading, null if it has never reported.
type MeterState struct {
	MeterID      meter.ID        `json:"meter_id"`
	RegisteredAt string          `json:"registered_at"`
	LastTime     *string         `json:"last_time"`
	LastReading  *meter.Register `json:"last_reading"`
}

// Gaps are the readings that a meter's month lacks.
type Gaps struct {
	MeterID          meter.ID `json:"meter_id"`
	Month            string   `json:"month"`
	Readings         int      `json:"readings"`
	ExpectedReadings int      `json:"expected_readings"`
	Missing          int      `json:"missing"`
	Complete         bool     `json:"complete"`
	Gaps             []Gap    `json:"gaps"`
}

// Gap is a series of half hours without a reading, from First to Last.
type Gap struct {
	First string `json:"first"`
	Last  string `json:"last"`
	Count int    `json:"count"`
}
