package rest

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"net/http"
	"slices"
	"strconv"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
	"meterledger/internal/query"
)

const (
	typeJSON = "application/json"
	typeCSV  = "text/csv"
)

type readingsRequest struct {
	Meter    meter.ID       `param:"meter_id,required"`
	Start    meter.Slot     `param:"start"`
	End      meter.Slot     `param:"end"`
	Interval query.Interval `param:"interval" oneof:"30min hour day week month"`
	Order    string         `param:"order" oneof:"asc desc"`
	Estimate string         `param:"estimate" oneof:"none linear"`
	PageSize pageSize       `param:"page_size"`
	Cursor   string         `param:"cursor"`
	Format   string         `param:"format" oneof:"json csv"`
}

func (a *app) readings(w http.ResponseWriter, r *http.Request, q *readingsRequest) error {
	series, err := a.seriesQuery(q)
	if err != nil {
		return err
	}
	w.Header().Add("Vary", "Accept")
	if q.Format == "csv" || q.Format == "" && httpkit.Prefers(r, typeJSON, typeCSV) == typeCSV {
		return a.readingsCSV(w, r, q.Meter, series)
	}
	state, closed, err := a.reader.ClosedFingerprint(q.Meter, series.Window, series.Estimate)
	if err != nil || closed && notModified(w, r, typeJSON, state[:]) {
		return err
	}
	page, err := a.reader.Series(q.Meter, series)
	if err != nil {
		return err
	}
	defer page.Release()
	next := ""
	if page.Next != nil {
		next = writeCursor(q.Meter, series, *page.Next)
		linkNext(w, r, next)
	}
	writePage(w, a.zone, q.Meter, series.Interval, &page, next)
	return nil
}

// seriesQuery returns what is asked for. Parameters that are left out beside a cursor
// are those of the page before.
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
		series.Window.From = q.Start
	}
	if q.End != 0 {
		series.Window.To = q.End
	}
	if q.Interval != "" {
		series.Interval = q.Interval
	}
	if q.Order != "" {
		series.Descending = q.Order == "desc"
	}
	if q.Estimate != "" {
		series.Estimate = q.Estimate == "linear"
	}
	if isEmpty(series.Window) {
		return series, errEndsEarly()
	}
	if q.Cursor != "" && series != before {
		return series, meter.Invalid(meter.CodeInvalidParameter, "cursor",
			"belongs to another window, interval, order or estimate: leave them out beside it, or give the same")
	}
	series.PageSize = q.PageSize.orDefault()
	return series, nil
}

// pageSize is how many results a page has; 0 if it is not given.
type pageSize int

const (
	pageSizeDefault = 100
	pageSizeMax     = 25000
)

func (p *pageSize) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 10, 32)
	if err != nil || n < 1 || n > pageSizeMax {
		return fmt.Errorf("must be a whole number from 1 to %d", pageSizeMax)
	}
	*p = pageSize(n)
	return nil
}

func (p pageSize) orDefault() int {
	if p == 0 {
		return pageSizeDefault
	}
	return int(p)
}

// linkNext sets the Link header of RFC 8288 to the next page.
func linkNext(w http.ResponseWriter, r *http.Request, cursor string) {
	query := r.URL.Query()
	query.Set("cursor", cursor)
	w.Header().Set("Link", "<"+r.URL.EscapedPath()+"?"+query.Encode()+`>; rel="next"`)
}

// A cursor holds the series that it belongs to and where its next page begins:
//
//	+---------+----------+-------+---------+---------+---------+----------+
//	| version | interval | flags | from    | to      | at      | checksum |
//	| 1 byte  | 1        | 1     | 4 bytes | 4       | 4       | 4        |
//	+---------+----------+-------+---------+---------+---------+----------+
//
// as base64url without padding. A parameter that is left out beside a cursor keeps
// its value from the first page, even if the month has changed meanwhile; one that is
// given must have the same value. The checksum covers the meter's id too.
const (
	cursorVersion = 1
	cursorBytes   = 19

	flagDescending = 1
	flagEstimate   = 2
)

var (
	cursorIntervals = []query.Interval{query.HalfHour, query.Hour, query.Day, query.Week, query.Month}
	castagnoli      = crc32.MakeTable(crc32.Castagnoli)
)

func writeCursor(id meter.ID, q query.SeriesQuery, at meter.Slot) string {
	b := make([]byte, 0, cursorBytes)
	b = append(b, cursorVersion, byte(slices.Index(cursorIntervals, q.Interval)), flags(q))
	for _, slot := range []meter.Slot{q.Window.From, q.Window.To, at} {
		b = binary.BigEndian.AppendUint32(b, uint32(slot))
	}
	b = binary.BigEndian.AppendUint32(b, checksum(id, b))
	return base64.RawURLEncoding.EncodeToString(b)
}

func flags(q query.SeriesQuery) (set byte) {
	if q.Descending {
		set |= flagDescending
	}
	if q.Estimate {
		set |= flagEstimate
	}
	return set
}

func checksum(id meter.ID, b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b, castagnoli), castagnoli, []byte(id))
}

// readCursor returns the series that a cursor of a meter belongs to, and where its
// page begins.
func readCursor(id meter.ID, s string) (q query.SeriesQuery, err error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != cursorBytes || b[0] != cursorVersion || int(b[1]) >= len(cursorIntervals) {
		return q, meter.Invalid(meter.CodeInvalidParameter, "cursor", "%v", errForeignCursor)
	}
	slot := func(i int) meter.Slot { return meter.Slot(binary.BigEndian.Uint32(b[3+4*i:])) }
	if uint32(slot(3)) != checksum(id, b[:cursorBytes-4]) {
		return q, meter.Invalid(meter.CodeInvalidParameter, "cursor", "%v for meter %s", errForeignCursor, id)
	}
	at := slot(2)
	return query.SeriesQuery{
		Window: meter.Window{From: slot(0), To: slot(1)}, Interval: cursorIntervals[b[1]],
		Descending: b[2]&flagDescending != 0, Estimate: b[2]&flagEstimate != 0, At: &at,
	}, nil
}
