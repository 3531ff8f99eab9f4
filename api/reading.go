package api

import "meterledger/internal/meter"

// ReadingRecorded confirms a reading that is on disk.
type ReadingRecorded struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
}

// BatchResult counts the rows of a batch by their results.
type BatchResult struct {
	Accepted   int        `json:"accepted"`
	Duplicates int        `json:"duplicates"`
	Rejected   int        `json:"rejected"`
	Retry      int        `json:"retry"`  // of the rejected rows: worth sending again as they are
	Errors     []RowError `json:"errors"` // at most 1,000 of the rejected rows, those to retry first
}

// BatchProblem is a Problem about a batch. The counts are there if rows were read.
type BatchProblem struct {
	Problem
	*BatchResult
}

// RowError says why a row was rejected. Rows count from 1, without the header.
type RowError struct {
	Row    int        `json:"row"`
	Code   meter.Code `json:"code"`
	Detail string     `json:"detail"`
}

// Intervals is one page of a meter's series.
type Intervals struct {
	MeterID  meter.ID `json:"meter_id"`
	Interval string   `json:"interval"`
	Count    int      `json:"count"`
	Next     *string  `json:"next"` // the cursor of the next page; null on the last
	Terms
	Results []Interval `json:"results"`
}

// Interval is one interval of a series. Unknown values are null.
type Interval struct {
	Start        string          `json:"interval_start"`
	End          string          `json:"interval_end"`
	StartReading *meter.Register `json:"start_reading"`
	EndReading   *meter.Register `json:"end_reading"`
	Consumption  *meter.Energy   `json:"consumption"`
	Complete     bool            `json:"complete"`
	Clipped      bool            `json:"clipped"`   // by the window or the present
	Estimated    bool            `json:"estimated"` // start or end was estimated
	Missing      *string         `json:"missing"`   // which register was not received: start, end or both
	Certainty

	RegisterChanges []RegisterChange `json:"register_changes,omitempty"`
}
