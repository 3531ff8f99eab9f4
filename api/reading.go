package api

import "meterledger/internal/meter"

// ReadingRecorded confirms a reading that is on disk.
type ReadingRecorded struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
}

// BatchResult is what became of readings that were sent together.
type BatchResult struct {
	Accepted   int        `json:"accepted"`
	Duplicates int        `json:"duplicates"`
	Rejected   int        `json:"rejected"`
	Errors     []RowError `json:"errors"` // at most 1,000 of the rejected rows
}

// RowError says why a row was rejected. Rows count from 1, the header not counted.
type RowError struct {
	Row    int        `json:"row"`
	Code   meter.Code `json:"code"`
	Detail string     `json:"detail"`
}

// Intervals is one page of a meter's series.
type Intervals struct {
	MeterID  meter.ID   `json:"meter_id"`
	Interval string     `json:"interval"`
	Count    int        `json:"count"`
	Next     *string    `json:"next"` // the cursor of the next page; null on the last
	Results  []Interval `json:"results"`
}

// Interval is one interval of a series. What is not known is null.
type Interval struct {
	Start        string        `json:"interval_start"`
	End          string        `json:"interval_end"`
	StartReading *meter.KWh    `json:"start_reading"`
	EndReading   *meter.KWh    `json:"end_reading"`
	Consumption  *meter.Energy `json:"consumption"`
	Complete     bool          `json:"complete"`
	Clipped      bool          `json:"clipped"`   // by the window or the present
	Estimated    bool          `json:"estimated"` // a register of it was interpolated
	Missing      *string       `json:"missing"`   // start, end or both: the registers that were not received
}
