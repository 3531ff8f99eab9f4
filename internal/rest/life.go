package rest

import (
	"cmp"
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

type settingsRequest struct {
	Meter       meter.ID `path:"meter_id"`
	RollsOverAt *bound   `param:"rolls_over_at,nullable"`
	MaxKW       *bound   `param:"max_kw,nullable"`
	OwnerName   string   `param:"owner_name" validate:"omitempty,text,seen"`
	Address     string   `param:"address" validate:"omitempty,text,seen"`
	By          string   `param:"by" validate:"omitempty,text,seen"`
}

// Check makes sure that the rules hold.
func (q *settingsRequest) Check() error {
	if *q == (settingsRequest{Meter: q.Meter, By: q.By}) {
		return meter.Invalid(meter.CodeInvalidParameter, "rolls_over_at", "is missing, and so are max_kw, owner_name and address: one of them is needed")
	}
	return rules.Check(q)
}

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

// setMeter keeps what is not given as it is. Limits may be refused, and come first.
func (a *app) setMeter(ctx context.Context, q *settingsRequest) (api.Meter, error) {
	by, err := author(ctx, q.By)
	if err != nil {
		return api.Meter{}, err
	}
	q.By = by
	if q.RollsOverAt != nil || q.MaxKW != nil {
		err = a.ledger.ChangeLimits(ctx, q.Meter, meter.SomeLimits{RollsOverAt: (*meter.Register)(q.RollsOverAt), MaxKW: (*meter.Power)(q.MaxKW)}, q.By)
	}
	if err == nil && (q.OwnerName != "" || q.Address != "") {
		err = a.ledger.SetOwner(ctx, q.Meter, q.OwnerName, q.Address, q.By)
	}
	if err != nil {
		return api.Meter{}, err
	}
	known, err := a.readerOf(ctx).Meter(q.Meter)
	if err != nil {
		return api.Meter{}, err
	}
	return a.describe(known), nil
}

type oneMeterRequest struct {
	Meter   meter.ID   `path:"meter_id"`
	Numbers numberForm `param:"numbers" oneof:"number string"`
}

func (a *app) meter(w http.ResponseWriter, r *http.Request, q *oneMeterRequest) error {
	known, err := a.readerOf(r.Context()).Meter(q.Meter)
	if err == nil {
		q.Numbers.write(w, a.describe(known))
	}
	return err
}

// describe is the answer about a meter.
func (a *app) describe(m query.Meter) api.Meter {
	answer := api.Meter{
		MeterID: m.ID, OwnerName: known(m.OwnerName), Address: known(m.Address), RegisteredAt: a.registeredAt(m.Account),
		Serials: a.serials(m), RegisterChanges: make([]api.MeterChange, 0, len(m.Dials)), Terms: a.terms,
	}
	if m.First != nil {
		answer.FirstTime, answer.FirstReading = new(a.zone.Stamp(m.First.Slot)), &m.First.Register
	}
	if m.Last != nil {
		answer.LastTime, answer.LastReading = new(a.zone.Stamp(m.Last.Slot)), &m.Last.Register
	}
	if m.Limits != nil {
		answer.RollsOverAt, answer.MaxKW = limitsOf(*m.Limits)
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

// limitsOf returns limits as answers have them: without a register at which it does so, a dial does
// not roll over.
func limitsOf(l meter.Limits) (rollsOverAt *meter.Register, maxKW *meter.Power) {
	if l.RollsOverAt != (meter.Register{}) {
		rollsOverAt = &l.RollsOverAt
	}
	return rollsOverAt, new(cmp.Or(l.MaxKW, meter.MaxKWDefault))
}

// serials lists the meters that were exchanged for each other.
func (a *app) serials(m query.Meter) []api.MeterSerial {
	all := []api.MeterSerial{{Serial: known(m.Serial)}}
	for _, c := range m.Dials {
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
