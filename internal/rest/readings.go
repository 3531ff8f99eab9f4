package rest

import (
	"bufio"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"strconv"
	"strings"

	"meterledger/internal/archive"
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
	"meterledger/internal/web"
)

const (
	pageSizeDefault = 100
	pageSizeMax     = 25000
)

type readingsRequest struct {
	MeterID  string `param:"meter_id" validate:"required,meter_id"`
	Start    string `param:"start"`
	End      string `param:"end"`
	Interval string `param:"interval" validate:"omitempty,oneof=30min hour day week month"`
	Order    string `param:"order" validate:"omitempty,oneof=asc desc"`
	PageSize string `param:"page_size"`
	Cursor   string `param:"cursor"`
	Format   string `param:"format" validate:"omitempty,oneof=json csv"`
}

type readingsAnswer struct {
	MeterID  meter.ID        `json:"meter_id"`
	Interval ledger.Interval `json:"interval"`
	Count    int             `json:"count"`
	Next     *string         `json:"next"`
	Results  []bucketAnswer  `json:"results"`
}

type bucketAnswer struct {
	IntervalStart string        `json:"interval_start"`
	IntervalEnd   string        `json:"interval_end"`
	StartReading  *meter.KWh    `json:"start_reading"`
	EndReading    *meter.KWh    `json:"end_reading"`
	Consumption   *meter.Energy `json:"consumption"`
	Complete      bool          `json:"complete"`
}

func (a *api) readings(w http.ResponseWriter, r *http.Request) error {
	var q readingsRequest
	if err := web.Bind(r, &q); err != nil {
		return err
	}
	window, err := a.windowOrThisMonth(q.Start, q.End)
	if err != nil {
		return err
	}
	id := meter.ID(q.MeterID)
	query := ledger.SeriesQuery{Window: window, Interval: ledger.HalfHour, Descending: q.Order == "desc"}
	if q.Interval != "" {
		query.Interval = ledger.Interval(q.Interval)
	}
	if query.PageSize, err = pageSize(q.PageSize); err != nil {
		return err
	}
	if query.After, err = parseCursor(q.Cursor); err != nil {
		return err
	}
	if q.Format == "csv" || q.Format == "" && strings.HasPrefix(r.Header.Get("Accept"), "text/csv") {
		return a.readingsCSV(w, id, window)
	}
	page, err := a.ledger.Series(id, query)
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, a.seriesAnswer(id, query.Interval, page))
	return nil
}

// windowOrThisMonth reads the bounds that are given; the others are this month's.
func (a *api) windowOrThisMonth(start, end string) (meter.Window, error) {
	month := a.zone.MonthWindow(a.zone.Today(a.ledger.Now()).CalendarMonth())
	if start == "" {
		start = a.zone.Stamp(month.From)
	}
	if end == "" {
		end = a.zone.Stamp(month.To)
	}
	return a.window(start, end)
}

func (a *api) seriesAnswer(id meter.ID, interval ledger.Interval, page ledger.Page) readingsAnswer {
	answer := readingsAnswer{MeterID: id, Interval: interval, Count: len(page.Buckets), Results: []bucketAnswer{}}
	if page.Next != nil {
		next := cursor(*page.Next)
		answer.Next = &next
	}
	for _, b := range page.Buckets {
		result := bucketAnswer{
			IntervalStart: a.zone.Stamp(b.Window.From), IntervalEnd: a.zone.Stamp(b.Window.To),
			StartReading: b.Start, EndReading: b.End, Complete: b.Complete,
		}
		if b.Start != nil && b.End != nil {
			energy := b.End.Sub(*b.Start)
			result.Consumption = &energy
		}
		answer.Results = append(answer.Results, result)
	}
	return answer
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

// cursor is where a page begins, as the caller sees it: nothing to be read or made.
func cursor(s meter.Slot) string {
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, uint32(s)))
}

func parseCursor(s string) (*meter.Slot, error) {
	if s == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) != 4 {
		return nil, meter.Invalid(meter.CodeInvalidParameter, "cursor", "is not one that this api gave")
	}
	slot := meter.Slot(binary.BigEndian.Uint32(b))
	return &slot, nil
}

// readingsCSV writes the raw readings of a window as the archives hold them.
func (a *api) readingsCSV(w http.ResponseWriter, id meter.ID, window meter.Window) error {
	points, err := a.ledger.Readings(id, window)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	out := bufio.NewWriter(w)
	line := append([]byte(archive.Header), '\n')
	for _, p := range points {
		// A caller who has gone away is nobody's error: the flush below finds it out.
		_, _ = out.Write(line)
		line = append(append(line[:0], id...), ',')
		line = append(append(line, a.zone.Stamp(p.Slot)...), ',')
		line = append(p.Register.Append(line), '\n')
	}
	_, _ = out.Write(line)
	if err := out.Flush(); err != nil {
		a.log.Debug("the caller went away", "path", "/get_readings", "error", err)
	}
	return nil
}
