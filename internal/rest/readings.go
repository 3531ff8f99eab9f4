package rest

import (
	"net/http"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
	"meterledger/internal/query"
	"meterledger/internal/vee"
)

const (
	typeJSON = "application/json"
	typeCSV  = "text/csv"
)

type readingsRequest struct {
	Meter    meter.ID       `param:"meter_id,required"`
	Start    meter.Bound    `param:"start"`
	End      meter.Bound    `param:"end"`
	Interval query.Interval `param:"interval" oneof:"30min hour day week month"`
	Order    string         `param:"order" oneof:"asc desc"`
	Estimate estimate       `param:"estimate" oneof:"none linear auto"`
	PageSize pageSize       `param:"page_size"`
	Cursor   string         `param:"cursor"`
	Format   string         `param:"format" oneof:"json csv"`
	Numbers  numberForm     `param:"numbers" oneof:"number string"`
}

// estimate names what is done about registers that are missing.
type estimate string

// mode returns vee.None if nothing is named.
func (e estimate) mode() vee.Mode {
	return map[estimate]vee.Mode{"linear": vee.LinearOnly, "auto": vee.Auto}[e]
}

func (a *app) readings(w http.ResponseWriter, r *http.Request, q *readingsRequest) error {
	series, err := a.seriesQuery(q)
	if err != nil {
		return err
	}
	httpkit.Vary(w, varyTypeAndEncoding)
	if q.Format == "csv" || q.Format == "" && httpkit.Prefers(r, typeJSON, typeCSV) == typeCSV {
		return a.readingsCSV(w, r, q.Meter, series)
	}
	reader := a.readerOf(r.Context())
	state, closed, err := reader.ClosedFingerprint(q.Meter, series.Window, series.Estimate)
	if err != nil || closed && notModified(w, r, typeJSON, state[:]) {
		return err
	}
	if err := a.pages.take(r, seriesPageBytes); err != nil {
		return err
	}
	defer a.pages.give(r, seriesPageBytes)
	page, err := reader.Series(q.Meter, series)
	if err != nil {
		return err
	}
	defer page.Release()
	next := ""
	if page.Next != nil {
		next = writeCursor(q.Meter, series, *page.Next)
		linkNext(w, r, next)
	}
	writePage(w, a.zone, &page, pageHead{q.Meter, series.Interval, next, a.terms, q.Numbers})
	return nil
}

// seriesQuery returns the series that q asks for. With a cursor, parameters that are not
// given are those of the page before.
func (a *app) seriesQuery(q *readingsRequest) (series query.SeriesQuery, err error) {
	thisMonth := a.zone.MonthWindow(a.zone.Today(a.reader.Now()).CalendarMonth())
	series = query.SeriesQuery{Interval: query.HalfHour, Window: thisMonth}
	if q.Cursor != "" {
		if series, err = readCursor(q.Meter, q.Cursor); err != nil {
			return series, err
		}
	}
	before := series
	if q.Start != 0 {
		series.Window.From = meter.Slot(q.Start)
	}
	if q.End != 0 {
		series.Window.To = meter.Slot(q.End)
	}
	if q.Interval != "" {
		series.Interval = q.Interval
	}
	if q.Order != "" {
		series.Descending = q.Order == "desc"
	}
	if q.Estimate != "" {
		series.Estimate = q.Estimate.mode()
	}
	if isEmpty(series.Window) {
		return series, errEmpty(q)
	}
	if q.Cursor != "" && series != before {
		return series, meter.Invalid(meter.CodeInvalidParameter, "cursor",
			"belongs to another window, interval, order or estimate: leave them out beside it, or give the same")
	}
	series.PageSize = q.PageSize.orDefault()
	return series, nil
}

// errEmpty is the answer to a window that ends before it begins.
func errEmpty(q *readingsRequest) error {
	if q.Start == 0 && q.Cursor == "" {
		return meter.Invalid(meter.CodeInvalidParameter, "start", "is missing: without it the window begins with this month, which end does not lie after")
	}
	return errEndsEarly()
}

// readingsCSV answers with the raw readings of a window, written as in the archives.
func (a *app) readingsCSV(w http.ResponseWriter, r *http.Request, id meter.ID, q query.SeriesQuery) error {
	if err := rawOnly(q); err != nil {
		return err
	}
	reader := a.readerOf(r.Context())
	state, closed, err := reader.ClosedFingerprint(id, q.Window, vee.None)
	if err != nil || closed && notModified(w, r, typeCSV, state[:]) {
		return err
	}
	months, err := reader.Readings(id, q.Window)
	if err != nil {
		return err
	}
	return a.streamCSV(w, r, func(s *rowStream) error {
		for points, err := range months {
			if err != nil {
				return err
			}
			if err := s.add(id, points); err != nil {
				return err
			}
		}
		return nil
	})
}

// rawOnly refuses a query for anything but the readings as they came.
func rawOnly(q query.SeriesQuery) error {
	for _, asked := range []struct {
		name string
		is   bool
	}{
		{"interval", q.Interval != query.HalfHour}, {"order", q.Descending}, {"estimate", q.Estimate != vee.None}, {"cursor", q.At != nil},
	} {
		if asked.is {
			return meter.Invalid(meter.CodeInvalidParameter, asked.name,
				"does not go with CSV, which is the readings as they came; leave it out, or ask for JSON")
		}
	}
	return nil
}
