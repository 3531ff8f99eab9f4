package rest

import (
	"encoding/base64"
	"encoding/binary"
	"net/http"

	"meterledger/api"
	"meterledger/internal/meter"
	"meterledger/internal/query"
)

type historyRequest struct {
	Meter    meter.ID      `path:"meter_id"`
	From     meter.Bound   `param:"from"`
	To       meter.Bound   `param:"to"`
	PageSize pageSize      `param:"page_size"`
	Cursor   historyCursor `param:"cursor"`
	Numbers  numberForm    `param:"numbers" oneof:"number string"`
}

// historyCursor is where a page of a history begins, as eight bytes in base64url: the time of
// its first correction, and how many of that time are on the pages before. A correction of that
// time comes last.
type historyCursor query.HistoryPlace

func (c *historyCursor) UnmarshalText(text []byte) error {
	b, err := base64.RawURLEncoding.Strict().DecodeString(string(text))
	if err != nil || len(b) != 8 {
		return errForeignCursor
	}
	*c = historyCursor{Slot: meter.Slot(binary.BigEndian.Uint32(b)), Skip: int(binary.BigEndian.Uint32(b[4:]))}
	return nil
}

func (c historyCursor) String() string {
	b := binary.BigEndian.AppendUint32(nil, uint32(c.Slot))
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(b, uint32(c.Skip)))
}

// history lists what was corrected and withdrawn of a meter.
func (a *app) history(w http.ResponseWriter, r *http.Request, q *historyRequest) error {
	window := query.AllTime
	if q.From != 0 {
		window.From = meter.Slot(q.From)
	}
	if q.To != 0 {
		window.To = meter.Slot(q.To)
	}
	if window.To < window.From {
		return meter.Invalid(meter.CodeInvalidParameter, "to", "must not lie before from")
	}
	if err := a.pages.take(r, q.PageSize.bytes()); err != nil {
		return err
	}
	defer a.pages.give(r, q.PageSize.bytes())
	page, next, err := a.readerOf(r.Context()).History(q.Meter, window, query.HistoryPlace(q.Cursor), q.PageSize.orDefault())
	if err != nil {
		return err
	}
	answer := api.History{MeterID: q.Meter, Count: len(page), Results: make([]api.PastCorrection, 0, len(page))}
	for _, past := range page {
		result := api.PastCorrection{Timestamp: a.zone.Stamp(past.Slot), Before: past.Before, At: a.zone.StampTime(past.At), Reason: past.Reason, By: known(past.By)}
		if !past.IsWithdrawn {
			result.After = &past.After
		}
		answer.Results = append(answer.Results, result)
	}
	if next != nil {
		cursor := historyCursor(*next).String()
		answer.Next = &cursor
		linkNext(w, r, cursor)
	}
	q.Numbers.write(w, answer)
	return nil
}
