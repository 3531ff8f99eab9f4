package tour

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/dsnet/try"
	"github.com/shopspring/decimal"

	"meterledger/api"
	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
)

// Three of the meters do not show what the source gives: one rolls over, one is exchanged, and
// one sends a wrong reading.
const (
	operatorName = "the demo"
	lateMax      = 600              // readings that come before somebody looks at what is refused
	swapAfter    = 17 * time.Minute // the reading before
	newSerial    = "DEMO-2"
)

var (
	newDial = decimal.NewFromInt(7000) // what the meter that comes shows at first
	tooMuch = decimal.NewFromInt(1000) // kWh of the wrong reading
	half    = decimal.New(5, -1)
)

// life is what is wrong with a meter.
type life struct {
	place int             // of the first reading that is not understood
	last  decimal.Decimal // what the dial showed last, or at which it rolls over
	right []meter.Reading // what must be there in the end
	mend  func(*tour, *home) string
}

// live gives three of the homes their lives. Those that are sent in order are refused from the
// wrong reading on.
func (t *tour) live() {
	for i, l := range []struct {
		begin func(*home)
		mend  func(*tour, *home) string
	}{1: {(*home).rollOver, (*tour).setLimit}, 2: {(*home).swap, (*tour).exchange}, 3: {(*home).slip, (*tour).correct}} {
		if l.begin != nil && i < len(t.homes) && len(t.homes[i].placed.Readings) > 2 {
			t.homes[i].life = &life{mend: l.mend}
			l.begin(t.homes[i])
		}
	}
}

// cut has the readings from a place on show so much more. Half of what was used before it went
// through the dial before.
func (h *home) cut(place int, more func(last decimal.Decimal) decimal.Decimal) {
	readings := h.placed.Readings
	before, after := readings[place-1].Register.Decimal(), readings[place].Register.Decimal()
	h.life.place, h.life.last = place, before.Add(after.Sub(before).Mul(half))
	for i := place; i < len(readings); i++ {
		readings[i].Register = register(readings[i].Register.Decimal().Add(more(h.life.last)))
	}
	h.life.right = readings
}

func (h *home) rollOver() {
	readings := h.placed.Readings
	place := max(1, len(readings)-lateMax)
	for place < len(readings)-1 && readings[place].Register == readings[place-1].Register {
		place++
	}
	h.cut(place, decimal.Decimal.Neg)
}

// swap is between two half hours of one day, so that this day's run finds it.
func (h *home) swap() {
	readings := h.placed.Readings
	place := len(readings) / 2
	for place < len(readings)-1 && (readings[place].Slot != readings[place-1].Slot+1 || readings[place].Slot%meter.SlotsPerDay < 2) {
		place++
	}
	h.cut(place, newDial.Sub)
}

func (h *home) slip() {
	h.cut(max(1, len(h.placed.Readings)-lateMax), func(decimal.Decimal) decimal.Decimal { return decimal.Zero })
	h.life.right = slices.Clone(h.placed.Readings)
	wrong := &h.placed.Readings[h.life.place]
	wrong.Register = register(wrong.Register.Decimal().Add(tooMuch))
}

func register(d decimal.Decimal) meter.Register { return try.E1(meter.ParseRegister(d.String())) }

// mendLives finds and mends what is wrong as an operator does.
func (t *tour) mendLives() {
	for _, h := range t.homes {
		if h.life != nil {
			t.wrap(string(h.id)+"  ", strings.Fields(h.life.mend(t, h)))
		}
	}
	t.say("From here on all of them are compared with the source.")
}

// found returns the exception by which an operator learns of it.
func (t *tour) found(h *home, rule string, query url.Values) (e api.Exception) {
	query.Set("rule", rule)
	query.Set("meter_id", string(h.id))
	var all api.Exceptions
	try.E(try.E1(t.api.Get(t.ctx, "/exceptions", query)).Into("what "+rule+" finds of "+string(h.id), &all))
	if len(all.Results) != 1 {
		t.differ("%s: %d exceptions are %s, where there is one", h.id, len(all.Results), rule)
		return api.Exception{Why: "nothing was found"}
	}
	return all.Results[0]
}

func (t *tour) exchange(h *home) string {
	slot := h.life.right[h.life.place].Slot
	day := t.zone.DayOf(slot)
	t.perform(t.daily, "daily", url.Values{"date": {day.String()}}, t.zone.DayWindow(day))
	e := t.found(h, "HIGH", url.Values{"date": {day.String()}})
	at := t.zone.StampTime(t.zone.Time(slot - 1).Add(swapAfter))
	t.send(h, "/exchange", t.api.Post, url.Values{
		"at": {at}, "old_reading": {h.life.last.String()}, "new_reading": {newDial.String()}, "new_serial": {newSerial}, "by": {operatorName},
	}, &struct{}{})
	return fmt.Sprintf("HIGH at %s: %v kWh. Exchanged at %s, from %v to %v kWh.", minutes(e.From), e.Value, minutes(at), h.life.last, newDial)
}

func (t *tour) setLimit(h *home) string {
	e := t.found(h, "DECREASING", url.Values{})
	t.send(h, "", t.api.Patch, url.Values{"rolls_over_at": {h.life.last.String()}}, &struct{}{})
	return fmt.Sprintf("DECREASING from %s. The dial rolls over at %v kWh: %s", minutes(e.From), h.life.last, t.retake(h))
}

func (t *tour) correct(h *home) string {
	e := t.found(h, "DECREASING", url.Values{})
	wrong, right := h.placed.Readings[h.life.place], h.life.right[h.life.place]
	body := try.E1(json.Marshal(map[string]any{
		"reason": "a wrong reading", "by": operatorName,
		"corrections": []any{map[string]any{"timestamp": t.zone.Stamp(wrong.Slot), "reading": right.Register, "expect": wrong.Register}},
	}))
	got := try.E1(t.api.PostBody(t.ctx, "/meters/"+string(h.id)+"/corrections", "application/json", body))
	try.E(got.Into("correcting "+string(h.id), &struct{}{}))
	return fmt.Sprintf("DECREASING from %s. Corrected %s, from %v to %v kWh: %s", minutes(e.From), minutes(t.zone.Stamp(wrong.Slot)), wrong.Register, right.Register, t.retake(h))
}

// retake has what was refused judged again: all from a place on.
func (t *tour) retake(h *home) string {
	rest := h.life.right[h.life.place:]
	missing := len(rest) - len(h.within(meter.Window{From: rest[0].Slot, To: t.last}))
	h.accepted = slices.Concat(h.within(meter.Window{To: rest[0].Slot - 1}), rest)
	var result api.BatchResult
	t.send(h, "/retake", t.api.Post, nil, &result)
	if result.Accepted != missing || result.Rejected > 0 {
		t.differ("%s: of %d refused readings %d were retaken, and %d refused", h.id, missing, result.Accepted, result.Rejected)
	}
	return fmt.Sprintf("%d readings retaken.", result.Accepted)
}

// send changes something of a meter.
func (t *tour) send(h *home, what string, by func(context.Context, string, url.Values) (caller.Answer, error), query url.Values, answer any) {
	got := try.E1(by(t.ctx, "/meters/"+string(h.id)+what, query))
	try.E(got.Into("mending "+string(h.id), answer))
}
