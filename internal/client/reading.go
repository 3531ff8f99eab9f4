package client

import (
	"context"
	"io"
	"net/http"
	"strconv"

	"meterledger/internal/meter"
)

// RecordReading records what a meter showed at a timestamp. Once it returns nil
// the reading is on disk.
func (c *Client) RecordReading(ctx context.Context, id meter.ID, timestamp string, register meter.KWh) error {
	_, err := c.send(ctx, call{
		method: http.MethodPost, path: "/receive_meter_reading",
		parameters: parameters{"meter_id", string(id), "timestamp", timestamp, "reading", register.String()},
	})
	return err
}

// Batch is what became of readings that were sent together.
type Batch struct {
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

// RecordReadings records many readings, given as CSV with the header
// meter_id,timestamp,reading.
func (c *Client) RecordReadings(ctx context.Context, csv io.Reader) (Batch, error) {
	return ask[Batch](ctx, c, call{method: http.MethodPost, path: "/receive_meter_readings", contentType: "text/csv", body: csv})
}

// ReadingsQuery asks for a meter's readings. What is empty or 0 has the api's
// default.
type ReadingsQuery struct {
	MeterID    meter.ID
	Start, End string
	Interval   string // 30min, hour, day, week or month
	Order      string // asc or desc
	Estimate   string // none or linear
	PageSize   int
	Cursor     string // the Next of the page before
}

// Series is one page of a meter's intervals.
type Series struct {
	MeterID  meter.ID   `json:"meter_id"`
	Interval string     `json:"interval"`
	Count    int        `json:"count"`
	Next     *string    `json:"next"` // nil on the last page
	Results  []Interval `json:"results"`
}

// Interval is one interval of a series. What is not known is nil.
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

// Readings returns one page of a meter's readings by interval.
func (c *Client) Readings(ctx context.Context, q ReadingsQuery) (Series, error) {
	size := ""
	if q.PageSize != 0 {
		size = strconv.Itoa(q.PageSize)
	}
	return ask[Series](ctx, c, call{method: http.MethodGet, path: "/get_readings", parameters: parameters{
		"meter_id", string(q.MeterID), "start", q.Start, "end", q.End, "interval", q.Interval,
		"order", q.Order, "estimate", q.Estimate, "page_size", size, "cursor", q.Cursor,
	}})
}
