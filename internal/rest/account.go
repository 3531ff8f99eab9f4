package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"meterledger/api"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
	"meterledger/internal/query"
	"meterledger/internal/rules"
	"meterledger/internal/store"
	"meterledger/internal/vee"
)

type registerAccountRequest struct {
	OwnerName string   `param:"owner_name,required" validate:"text,seen"`
	Address   string   `param:"address,required" validate:"text,seen"`
	Meter     meter.ID `param:"meter_id,required"`
}

// Check makes sure that the rules hold.
func (q *registerAccountRequest) Check() error { return rules.Check(q) }

func (a *app) registerAccount(ctx context.Context, q *registerAccountRequest) (api.AccountCreated, error) {
	return api.AccountCreated{MeterID: q.Meter, Message: "Account successfully created"},
		a.ledger.Register(ctx, q.Meter, q.OwnerName, q.Address)
}

// meterRequest is a request that names only a meter.
type meterRequest struct {
	Meter meter.ID `param:"meter_id,required"`
}

func (a *app) account(ctx context.Context, q *meterRequest) (api.Account, error) {
	account, err := a.readerOf(ctx).Account(q.Meter)
	return api.Account{
		MeterID: account.ID, OwnerName: known(account.OwnerName), Address: known(account.Address),
		RegisteredAt: a.registeredAt(account), Timezone: a.zone.String(),
	}, err
}

// registeredAt is null if the caller may not know it.
func (a *app) registeredAt(account meter.Account) *string {
	if account.RegisteredAt.IsZero() {
		return nil
	}
	return new(a.zone.StampTime(account.RegisteredAt))
}

type metersRequest struct {
	Begins   idBeginning   `param:"begins_with"`
	StaleFor silence       `param:"stale_for"`
	PageSize pageSize      `param:"page_size"`
	Cursor   *metersCursor `param:"cursor"`
	Numbers  numberForm    `param:"numbers" oneof:"number string"`
}

// meters lists all meters with their last readings, or those that are looked for.
func (a *app) meters(w http.ResponseWriter, r *http.Request, q *metersRequest) error {
	if err := a.pages.take(r, q.PageSize.bytes()); err != nil {
		return err
	}
	defer a.pages.give(r, q.PageSize.bytes())
	page := a.reader.Meters(query.MetersQuery{
		Begins: meter.ID(q.Begins), SilentFor: time.Duration(q.StaleFor), PageSize: q.PageSize.orDefault(), From: (*store.Index)(q.Cursor),
	})
	answer := api.Meters{Count: len(page.Meters), Results: make([]api.MeterState, 0, len(page.Meters))}
	for _, m := range page.Meters {
		state := api.MeterState{MeterID: m.ID, RegisteredAt: a.zone.StampTime(m.RegisteredAt)}
		if m.Reported {
			state.LastTime, state.LastReading = new(a.zone.Stamp(m.Latest.Slot)), &m.Latest.Register
		}
		answer.Results = append(answer.Results, state)
	}
	if page.Next != nil {
		next := metersCursor(*page.Next).String()
		answer.Next = &next
		linkNext(w, r, next)
	}
	q.Numbers.write(w, answer)
	return nil
}

// idBeginning is the beginning of an id, which could be an id itself.
type idBeginning meter.ID

func (b *idBeginning) UnmarshalText(text []byte) error {
	id, err := meter.ParseID(text)
	if err != nil {
		return errors.New("must be the beginning of an id: 1 to 64 of A-Z a-z 0-9 . _ - and begin with a letter or a digit")
	}
	*b = idBeginning(id)
	return nil
}

// silence is a whole number of minutes, hours or days: 90m, 24h, 7d.
type silence time.Duration

// silenceMax is in days.
const silenceMax = 10_000

func (s *silence) UnmarshalText(text []byte) error {
	units := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}
	number, unit := string(text[:len(text)-1]), units[text[len(text)-1]]
	n, err := strconv.ParseUint(number, 10, 24)
	d := time.Duration(n) * unit
	if err != nil || d <= 0 || d > silenceMax*24*time.Hour || strings.HasPrefix(number, "0") {
		return fmt.Errorf("must be a whole number of minutes, hours or days such as 90m, 24h or 7d, at most %dd", silenceMax)
	}
	*s = silence(d)
	return nil
}

type gapsRequest struct {
	Meter meter.ID    `path:"meter_id"`
	Month meter.Month `param:"month,required"`
}

// gaps lists the half hours of a meter's month that have no reading.
func (a *app) gaps(w http.ResponseWriter, r *http.Request, q *gapsRequest) error {
	if q.Month.Year < meter.EarliestYear {
		return meter.Invalid(meter.CodeInvalidParameter, "month", "must not be before the year %d", meter.EarliestYear)
	}
	window, reader := a.zone.MonthWindow(q.Month), a.readerOf(r.Context())
	state, closed, err := reader.ClosedFingerprint(q.Meter, window, vee.None)
	if err != nil || closed && notModified(w, r, typeJSON, state[:]) {
		return err
	}
	gaps, err := reader.Gaps(q.Meter, window)
	if err != nil {
		return err
	}
	answer := api.Gaps{
		MeterID: q.Meter, Month: q.Month.String(), Readings: gaps.Readings, ExpectedReadings: gaps.Expected,
		Missing: gaps.Expected - gaps.Readings, Complete: gaps.Expected == gaps.Readings, Gaps: make([]api.Gap, 0, len(gaps.Missing)),
	}
	for _, missing := range gaps.Missing {
		answer.Gaps = append(answer.Gaps, api.Gap{First: a.zone.Stamp(missing.From), Last: a.zone.Stamp(missing.To), Count: missing.Points()})
	}
	httpkit.WriteJSON(w, http.StatusOK, answer)
	return nil
}
