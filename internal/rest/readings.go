package rest

import (
	"net/http"
	"strconv"

	"meterledger/internal/httpkit"
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
)

const (
	pageSizeDefault = 100
	pageSizeMax     = 25000
)

const (
	typeJSON = "application/json"
	typeCSV  = "text/csv"
)

type readingsRequest struct {
	MeterID  string `param:"meter_id" validate:"required,meter_id"`
	Start    string `param:"start"`
	End      string `param:"end"`
	Interval string `param:"interval" validate:"omitempty,oneof=30min hour day week month"`
	Order    string `param:"order" validate:"omitempty,oneof=asc desc"`
	Estimate string `param:"estimate" validate:"omitempty,oneof=none linear"`
	PageSize string `param:"page_size"`
	Cursor   string `param:"cursor"`
	Format   string `param:"format" validate:"omitempty,oneof=json csv"`
}

func (a *api) readings(w http.ResponseWriter, r *http.Request) error {
	var q readingsRequest
	if err := httpkit.Bind(r, &q); err != nil {
		return err
	}
	query, err := a.seriesQuery(q)
	if err != nil {
		return err
	}
	id := meter.ID(q.MeterID)
	w.Header().Add("Vary", "Accept")
	if q.Format == "csv" || q.Format == "" && httpkit.Prefers(r, typeJSON, typeCSV) == typeCSV {
		return a.readingsCSV(w, r, id, query)
	}
	state, closed, err := a.ledger.ClosedState(id, query.Window, query.Estimate)
	if err != nil || closed && notModified(w, r, typeJSON, state[:]) {
		return err
	}
	page, err := a.ledger.Series(id, query)
	if err != nil {
		return err
	}
	defer page.Release()
	next := ""
	if page.Next != nil {
		next = writeCursor(id, query, *page.Next)
		linkNext(w, r, next)
	}
	writePage(w, a.zone, id, query.Interval, &page, next)
	return nil
}

// seriesQuery reads what is asked for. What is left out beside a cursor is as it was
// on the page before.
func (a *api) seriesQuery(q readingsRequest) (query ledger.SeriesQuery, err error) {
	query = ledger.SeriesQuery{Interval: ledger.HalfHour, Window: a.thisMonth()}
	if q.Cursor != "" {
		if query, err = readCursor(meter.ID(q.MeterID), q.Cursor); err != nil {
			return query, err
		}
	}
	series := query
	if q.Interval != "" {
		query.Interval = ledger.Interval(q.Interval)
	}
	if q.Order != "" {
		query.Descending = q.Order == "desc"
	}
	if q.Estimate != "" {
		query.Estimate = q.Estimate == "linear"
	}
	if query.Window, err = a.windowWithin(q.Start, q.End, query.Window); err != nil {
		return query, err
	}
	if q.Cursor != "" && query != series {
		return query, meter.Invalid(meter.CodeInvalidParameter, "cursor",
			"belongs to another window, interval, order or estimate: leave them out beside it, or give the same")
	}
	query.PageSize, err = pageSize(q.PageSize)
	return query, err
}

func pageSize(s string) (int, error) {
	if s == "" {
		return pageSizeDefault, nil
	}
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n < 1 || n > pageSizeMax {
		return 0, meter.Invalid(meter.CodeInvalidParameter, "page_size", "must be a whole number from 1 to %d", pageSizeMax)
	}
	return int(n), nil
}

// linkNext says where the next page is, as RFC 8288 has it.
func linkNext(w http.ResponseWriter, r *http.Request, cursor string) {
	query := r.URL.Query()
	query.Set("cursor", cursor)
	w.Header().Set("Link", "<"+r.URL.EscapedPath()+"?"+query.Encode()+`>; rel="next"`)
}
