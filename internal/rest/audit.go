package rest

import (
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"time"

	"meterledger/api"
	"meterledger/internal/audit"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

type auditRequest struct {
	From     meter.Bound `param:"from"`
	To       meter.Bound `param:"to"`
	PageSize pageSize    `param:"page_size"`
	Cursor   auditCursor `param:"cursor"`
}

// auditLog lists what people changed and who was refused at the door, the newest line first.
func (a *app) auditLog(w http.ResponseWriter, r *http.Request, q *auditRequest) error {
	query := audit.Query{Before: audit.Place(q.Cursor), Max: q.PageSize.orDefault()}
	if q.From != 0 {
		query.From = a.zone.Time(meter.Slot(q.From))
	}
	if q.To != 0 {
		query.To = a.zone.Time(meter.Slot(q.To))
		if q.To < q.From {
			return meter.Invalid(meter.CodeInvalidParameter, "to", "must not lie before from")
		}
	}
	if err := a.pages.take(r, q.PageSize.bytes()); err != nil {
		return err
	}
	defer a.pages.give(r, q.PageSize.bytes())
	lines, next, err := a.audit.Page(r.Context(), query)
	if err != nil {
		return err
	}
	answer := api.Audit{Count: len(lines), Lines: lines}
	if next != nil {
		answer.Next = new(auditCursor(*next).String())
		linkNext(w, r, *answer.Next)
	}
	httpkit.WriteJSON(w, http.StatusOK, answer)
	return nil
}

// auditCursor is where a page of the audit log ends, in base64url:
//
//	year uint16 | month uint8 | offset uint64
type auditCursor audit.Place

const auditCursorBytes = 11

func (c *auditCursor) UnmarshalText(text []byte) error {
	b, err := base64.RawURLEncoding.Strict().DecodeString(string(text))
	if err != nil || len(b) != auditCursorBytes || b[2] < 1 || b[2] > 12 || int64(binary.BigEndian.Uint64(b[3:])) < 0 {
		return errForeignCursor
	}
	*c = auditCursor{
		Month:  meter.Month{Year: int(binary.BigEndian.Uint16(b)), Month: time.Month(b[2])},
		Offset: int64(binary.BigEndian.Uint64(b[3:])),
	}
	return nil
}

func (c auditCursor) String() string {
	b := binary.BigEndian.AppendUint16(make([]byte, 0, auditCursorBytes), uint16(c.Month.Year))
	b = append(b, byte(c.Month.Month))
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(b, uint64(c.Offset)))
}
