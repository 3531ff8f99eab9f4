package client

import (
	"context"
	"net/http"

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

// Period is a span of time that consumption is asked for.
type Period struct {
	Name       string // last_30min, today, this_week, this_month, last_month or custom
	Start, End string // of custom
}

// Consumption returns what a meter used in a period.
func (c *Client) Consumption(ctx context.Context, id meter.ID, p Period) (Usage, error) {
	return ask[Usage](ctx, c, call{method: http.MethodGet, path: "/get_consumption", parameters: parameters{
		"meter_id", string(id), "period", p.Name, "start", p.Start, "end", p.End,
	}})
}

// Bill is the usage of a closed month. Late readings revise it.
type Bill struct {
	Usage
	Revision  int          `json:"revision"`   // 1 when it is first made
	RevisedAt *string      `json:"revised_at"` // nil at revision 1
	Previous  *BillFigures `json:"previous"`   // what it said before; nil at revision 1
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

// Bill returns a meter's bill for a closed month.
func (c *Client) Bill(ctx context.Context, id meter.ID, month meter.Month) (Bill, error) {
	return ask[Bill](ctx, c, call{method: http.MethodGet, path: "/get_bill", parameters: parameters{
		"meter_id", string(id), "month", month.String(),
	}})
}

// LastMonthBill returns a meter's bill for the month before this one.
func (c *Client) LastMonthBill(ctx context.Context, id meter.ID) (Bill, error) {
	return ask[Bill](ctx, c, call{method: http.MethodGet, path: "/get_last_month_bill", parameters: parameters{
		"meter_id", string(id),
	}})
}
