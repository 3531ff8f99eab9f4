package api

import (
	"encoding/json"

	"meterledger/internal/meter"
)

// Exceptions is one page of a list of exceptions.
type Exceptions struct {
	Count       int         `json:"count"`
	Next        *string     `json:"next"` // the cursor of the next page; null on the last
	NotComputed []string    `json:"not_computed"`
	Results     []Exception `json:"results"`
}

// Exception is something in a meter's readings at which a person should look.
type Exception struct {
	MeterID    meter.ID    `json:"meter_id"`
	Rule       string      `json:"rule"`
	From       string      `json:"from"`
	To         string      `json:"to"`
	Value      json.Number `json:"value"`
	Threshold  json.Number `json:"threshold"`
	Unit       string      `json:"unit"`
	Why        string      `json:"why"`
	Status     string      `json:"status"`
	Reason     *string     `json:"reason"` // null while it is open, like ResolvedAt
	By         *string     `json:"by"`     // null also if nobody said
	ResolvedAt *string     `json:"resolved_at"`
}
