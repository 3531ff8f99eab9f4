package api

import "meterledger/internal/meter"

// Corrected confirms corrections.
type Corrected struct {
	Success   bool   `json:"success"`
	Message   string `json:"message"`
	Corrected int    `json:"corrected"`
	Withdrawn int    `json:"withdrawn"`
}

// History is one page of what was corrected of a meter.
type History struct {
	MeterID meter.ID         `json:"meter_id"`
	Count   int              `json:"count"`
	Next    *string          `json:"next"` // the cursor of the next page; null on the last
	Results []PastCorrection `json:"results"`
}

// PastCorrection is what was once done to a reading.
type PastCorrection struct {
	Timestamp string          `json:"timestamp"`
	Before    meter.Register  `json:"before"`
	After     *meter.Register `json:"after"` // null if it was withdrawn
	At        string          `json:"at"`
	By        *string         `json:"by"` // null if nobody said
	Reason    string          `json:"reason"`
}
