package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"unicode/utf8"

	"meterledger/api"
	"meterledger/internal/meter"
	"meterledger/internal/query"
	"meterledger/internal/rules"
)

type exchangeRequest struct {
	Meter     meter.ID        `path:"meter_id"`
	At        meter.Instant   `param:"at,required"`
	Old       *meter.Register `param:"old_reading"`
	New       meter.Register  `param:"new_reading,required"`
	Serial    serial          `param:"new_serial"`
	Estimated *meter.Register `param:"estimated_kwh" validate:"excluded_with=Old"`
	Reason    string          `param:"reason" oneof:"exchange reset"`
	By        string          `param:"by" validate:"omitempty,text,seen"`
	Replace   bool            `param:"replace"`
}

// Check makes sure that the rules hold.
func (q *exchangeRequest) Check() error {
	if q.Estimated != nil && q.Estimated.Cmp(estimatedMax) > 0 {
		return meter.Invalid(meter.CodeInvalidParameter, "estimated_kwh", "must not be more than %v kWh", estimatedMax)
	}
	return rules.Check(q)
}

// estimatedMax is far more than a house uses while nobody reads its meter, in kWh.
var estimatedMax, _ = meter.RegisterFromParts(1_000_000, 0)

func (q *exchangeRequest) change(by string) meter.Change {
	c := meter.Change{At: q.At, Kind: meter.Exchange, New: q.New, Serial: string(q.Serial), By: by, IsEstimated: q.Old == nil}
	if q.Reason != "" {
		c.Kind, _ = meter.ParseChangeKind(q.Reason)
	}
	if q.Old != nil {
		c.Old = *q.Old
	}
	if q.Estimated != nil {
		c.Estimated = *q.Estimated
	}
	return c
}

func (a *app) exchange(ctx context.Context, q *exchangeRequest) (api.ChangeRecorded, error) {
	by, err := author(ctx, q.By)
	if err != nil {
		return api.ChangeRecorded{}, err
	}
	c := q.change(by)
	repeated, err := a.ledger.Exchange(ctx, q.Meter, c, q.Replace)
	if repeated {
		return api.ChangeRecorded{Success: true, Message: fmt.Sprintf("This %s was recorded before", c.Kind)}, err
	}
	return api.ChangeRecorded{Success: true, Message: fmt.Sprintf("The %s was recorded", c.Kind)}, err
}

// serial is a meter's serial number.
type serial string

const serialLengthMax = 64

var errSerial = fmt.Errorf("must be 1 to %d characters of valid UTF-8, at least one of them seen, without control characters", serialLengthMax)

func (s *serial) UnmarshalText(text []byte) error {
	*s = serial(text)
	if !meter.ValidText(string(*s)) || !meter.ShowsItself(string(*s)) || utf8.RuneCount(text) > serialLengthMax {
		return errSerial
	}
	return nil
}

type takeBackRequest struct {
	Meter meter.ID      `path:"meter_id"`
	At    meter.Instant `param:"at,required"`
	By    string        `param:"by" validate:"omitempty,text,seen"`
}

// Check makes sure that the rules hold.
func (q *takeBackRequest) Check() error { return rules.Check(q) }

func (a *app) takeExchangeBack(ctx context.Context, q *takeBackRequest) (api.ChangeRecorded, error) {
	by, err := author(ctx, q.By)
	if err == nil {
		err = a.ledger.TakeBack(ctx, q.Meter, q.At, by)
	}
	return api.ChangeRecorded{Success: true, Message: "The exchange was taken back"}, err
}

type limitsRequest struct {
	Meter       meter.ID `path:"meter_id"`
	RollsOverAt *bound   `param:"rolls_over_at,nullable" validate:"required_without=MaxKW"`
	MaxKW       *bound   `param:"max_kw,nullable"`
	By          string   `param:"by" validate:"omitempty,text,seen"`
}

// Check makes sure that the rules hold.
func (q *limitsRequest) Check() error { return rules.Check(q) }

// bound is an exact number above 0.
type bound meter.Register

func (b *bound) UnmarshalText(text []byte) error {
	register, err := meter.ParseRegister(text)
	if err == nil && register == (meter.Register{}) {
		err = errors.New("must be more than 0; null unsets it")
	}
	*b = bound(register)
	return err
}

// setLimits keeps what is not given as it is.
func (a *app) setLimits(ctx context.Context, q *limitsRequest) (api.Meter, error) {
	by, err := author(ctx, q.By)
	if err != nil {
		return api.Meter{}, err
	}
	a.limiting.Lock()
	defer a.limiting.Unlock()
	known, err := a.reader.Meter(q.Meter)
	if err != nil {
		return api.Meter{}, err
	}
	limits := known.Limits
	if q.RollsOverAt != nil {
		limits.RollsOverAt = meter.Register(*q.RollsOverAt)
	}
	if q.MaxKW != nil {
		limits.MaxKW = meter.Power(*q.MaxKW)
	}
	if err := a.ledger.SetLimits(ctx, q.Meter, limits, by); err != nil {
		return api.Meter{}, err
	}
	known.Limits = limits
	return a.describe(known), nil
}

type oneMeterRequest struct {
	Meter   meter.ID   `path:"meter_id"`
	Numbers numberForm `param:"numbers" oneof:"number string"`
}

func (a *app) meter(w http.ResponseWriter, _ *http.Request, q *oneMeterRequest) error {
	known, err := a.reader.Meter(q.Meter)
	if err == nil {
		q.Numbers.write(w, a.describe(known))
	}
	return err
}

// describe is the answer about a meter.
func (a *app) describe(m query.Meter) api.Meter {
	answer := api.Meter{
		MeterID: m.ID, OwnerName: m.OwnerName, Address: m.Address, RegisteredAt: a.zone.StampTime(m.RegisteredAt), MaxKW: m.Limits.MaxKW,
		Serials: a.serials(m.Dials), RegisterChanges: make([]api.MeterChange, 0, len(m.Dials)), Terms: a.terms,
	}
	if m.First != nil {
		answer.FirstTime, answer.FirstReading = new(a.zone.Stamp(m.First.Slot)), &m.First.Register
	}
	if m.Last != nil {
		answer.LastTime, answer.LastReading = new(a.zone.Stamp(m.Last.Slot)), &m.Last.Register
	}
	if m.Limits.RollsOverAt != (meter.Register{}) {
		answer.RollsOverAt = &m.Limits.RollsOverAt
	}
	if answer.MaxKW == (meter.Power{}) {
		answer.MaxKW = meter.MaxKWDefault
	}
	for n, shown := range registerChanges(a.zone, m.Dials) {
		change := api.MeterChange{RegisterChange: shown, By: known(m.Dials[n].By)}
		if m.Dials[n].Kind != meter.Rollover {
			change.EnteredAt = new(a.zone.StampTime(m.Dials[n].EnteredAt))
		}
		answer.RegisterChanges = append(answer.RegisterChanges, change)
	}
	return answer
}

// serials lists the meters that were exchanged for each other.
func (a *app) serials(d meter.Dials) []api.MeterSerial {
	all := []api.MeterSerial{{}}
	for _, c := range d {
		if c.Kind == meter.Exchange {
			at := a.stampAt(c.At)
			all[len(all)-1].To = &at
			all = append(all, api.MeterSerial{Serial: known(c.Serial), From: &at})
		} else if c.Serial != "" {
			all[len(all)-1].Serial = known(c.Serial)
		}
	}
	return all
}
