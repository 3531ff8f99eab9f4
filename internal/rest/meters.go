package rest

import (
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"strconv"
	"strings"
	"time"

	"meterledger/internal/httpkit"
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

type metersRequest struct {
	StaleFor string `param:"stale_for"`
	PageSize string `param:"page_size"`
	Cursor   string `param:"cursor"`
}

type metersAnswer struct {
	Count   int           `json:"count"`
	Next    *string       `json:"next"`
	Results []meterAnswer `json:"results"`
}

type meterAnswer struct {
	MeterID      meter.ID   `json:"meter_id"`
	RegisteredAt string     `json:"registered_at"`
	LastTime     *string    `json:"last_time"`
	LastReading  *meter.KWh `json:"last_reading"`
}

// meters lists meters with their last readings: all, or those that are silent.
func (a *api) meters(w http.ResponseWriter, r *http.Request) error {
	var q metersRequest
	if err := httpkit.Bind(r, &q); err != nil {
		return err
	}
	var query ledger.MetersQuery
	var err error
	if query.SilentFor, err = staleFor(q.StaleFor); err != nil {
		return err
	}
	if query.PageSize, err = pageSize(q.PageSize); err != nil {
		return err
	}
	if query.From, err = readMetersCursor(q.Cursor); err != nil {
		return err
	}
	page := a.ledger.Meters(query)
	answer := metersAnswer{Count: len(page.Meters), Results: make([]meterAnswer, 0, len(page.Meters))}
	for _, m := range page.Meters {
		answer.Results = append(answer.Results, a.meterAnswer(m))
	}
	if page.More {
		next := writeMetersCursor(page.Next)
		answer.Next = &next
		linkNext(w, r, next)
	}
	httpkit.WriteJSON(w, http.StatusOK, answer)
	return nil
}

func (a *api) meterAnswer(m ledger.MeterState) meterAnswer {
	answer := meterAnswer{MeterID: m.ID, RegisteredAt: a.zone.StampTime(m.RegisteredAt)}
	if m.Reported {
		at := a.zone.Stamp(m.Latest.Slot)
		answer.LastTime, answer.LastReading = &at, &m.Latest.Register
	}
	return answer
}

// staleMax is the longest silence that can be asked for, in days.
const staleMax = 10_000

// staleFor reads a whole number of minutes, hours or days: 90m, 24h, 7d.
func staleFor(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	number, unit := s[:len(s)-1], map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}[s[len(s)-1]]
	n, err := strconv.ParseUint(number, 10, 24)
	silence := time.Duration(n) * unit
	if err != nil || silence <= 0 || silence > staleMax*24*time.Hour || strings.HasPrefix(number, "0") {
		return 0, meter.Invalid(meter.CodeInvalidParameter, "stale_for",
			"must be a whole number of minutes, hours or days such as 90m, 24h or 7d, at most %dd", staleMax)
	}
	return silence, nil
}

// A cursor of meters is the place in the order of registration where a page begins,
// as four bytes in base64url. That order never changes, and new meters come last.
func writeMetersCursor(i store.Index) string {
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, uint32(i)))
}

func readMetersCursor(s string) (store.Index, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != 4 && s != "" {
		return 0, meter.Invalid(meter.CodeInvalidParameter, "cursor", "is not one that this api gave")
	}
	if s == "" {
		return 0, nil
	}
	return store.Index(binary.BigEndian.Uint32(b)), nil
}
