package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"meterledger/api"
	"meterledger/internal/meter"
)

// RegisterAccount registers a meter. If it returns nil, the account is on disk.
func (c *Client) RegisterAccount(ctx context.Context, id meter.ID, ownerName, address string) error {
	return c.do(ctx, http.MethodPost, "/register_account", "meter_id", string(id), "owner_name", ownerName, "address", address)
}

// Account returns the account of a meter.
func (c *Client) Account(ctx context.Context, id meter.ID) (api.Account, error) {
	return get[api.Account](ctx, c, "/account", "meter_id", string(id))
}

// RecordReading records what a meter showed at a timestamp. If it returns nil, the reading
// is on disk.
func (c *Client) RecordReading(ctx context.Context, id meter.ID, timestamp string, register meter.Register) error {
	_, err := c.send(ctx, call{
		method: http.MethodPost, path: "/receive_meter_reading", isRepeatable: true, // which is a duplicate
		parameters: parameters{"meter_id", string(id), "timestamp", timestamp, "reading", register.String()},
	})
	return err
}

// RecordReadings records many readings in one of the forms text/csv, with the header
// meter_id,timestamp,reading, application/x-ndjson and application/json. Beside an
// *api.Problem that passes, Retry counts the readings that are worth sending again; the
// others have their verdicts. To send all of them again is right: a recorded one is a
// duplicate.
func (c *Client) RecordReadings(ctx context.Context, contentType string, readings io.Reader) (api.BatchResult, error) {
	var result api.BatchResult
	content, err := c.send(ctx, call{
		method: http.MethodPost, path: "/receive_meter_readings", contentType: contentType, body: readings,
	})
	if errContent := json.Unmarshal(content, &result); err == nil && errContent != nil {
		err = fmt.Errorf("reading the api's answer to a batch: %w", errContent)
	}
	return result, err
}

// ReadingsQuery asks for a meter's readings. An empty field or 0 means the api's default.
type ReadingsQuery struct {
	MeterID    meter.ID
	Start, End string
	Interval   string // 30min, hour, day, week or month
	Order      string // asc or desc
	Estimate   string // none, linear or auto
	PageSize   int
	Cursor     string // the Next of the page before
}

// Readings returns one page of a meter's readings by interval.
func (c *Client) Readings(ctx context.Context, q ReadingsQuery) (api.Intervals, error) {
	size := ""
	if q.PageSize != 0 {
		size = strconv.Itoa(q.PageSize)
	}
	return get[api.Intervals](ctx, c, "/get_readings",
		"meter_id", string(q.MeterID), "start", q.Start, "end", q.End, "interval", q.Interval,
		"order", q.Order, "estimate", q.Estimate, "page_size", size, "cursor", q.Cursor)
}

// Period is a time span of Consumption.
type Period struct {
	Name       string // last_30min, today, this_week, this_month, last_month or custom
	Start, End string // of custom
}

// Consumption returns what a meter used in a period.
func (c *Client) Consumption(ctx context.Context, id meter.ID, p Period) (api.PeriodConsumption, error) {
	return get[api.PeriodConsumption](ctx, c, "/get_consumption",
		"meter_id", string(id), "period", p.Name, "start", p.Start, "end", p.End)
}

// Bill returns a meter's bill for a closed month.
func (c *Client) Bill(ctx context.Context, id meter.ID, month meter.Month) (api.Bill, error) {
	return get[api.Bill](ctx, c, "/get_bill", "meter_id", string(id), "month", month.String())
}

// LastMonthBill returns a meter's bill for the month before this one.
func (c *Client) LastMonthBill(ctx context.Context, id meter.ID) (api.Bill, error) {
	return get[api.Bill](ctx, c, "/get_last_month_bill", "meter_id", string(id))
}
