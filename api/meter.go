package api

import "meterledger/internal/meter"

// Meter is a registered meter and its life so far. What is not known, or lies outside the time of
// the credential, is null.
type Meter struct {
	MeterID         meter.ID        `json:"meter_id"`
	OwnerName       *string         `json:"owner_name"`
	Address         *string         `json:"address"`
	RegisteredAt    *string         `json:"registered_at"`
	FirstTime       *string         `json:"first_time"`
	FirstReading    *meter.Register `json:"first_reading"`
	LastTime        *string         `json:"last_time"`
	LastReading     *meter.Register `json:"last_reading"`
	RollsOverAt     *meter.Register `json:"rolls_over_at"` // of the present dial
	MaxKW           *meter.Power    `json:"max_kw"`
	Serials         []MeterSerial   `json:"serials"`
	RegisterChanges []MeterChange   `json:"register_changes"`
	Terms
}

// MeterSerial is the serial number of a meter in the place that the id names, and for how long
// it was there: From is null for the first, To for the present one.
type MeterSerial struct {
	Serial *string `json:"serial"`
	From   *string `json:"from"`
	To     *string `json:"to"`
}

// MeterChange is a change of dials and who entered it.
type MeterChange struct {
	RegisterChange
	By        *string `json:"by"`
	EnteredAt *string `json:"entered_at"` // null for a rollover, which follows from the readings
}

// ChangeRecorded confirms a change in a meter's life.
type ChangeRecorded struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
}
