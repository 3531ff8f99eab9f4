package kill

import (
	"context"
	"fmt"
	"net/url"

	"meterledger/api"
	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/witness"
)

// higher is what the meter that comes shows more, in its last digit: so readings rise even before the
// exchange is known.
const higher = 1_000_000

// exchange is ten minutes after a half hour, when as much is shown as at the beginning of the next.
func (h *home) exchange() (at string, old, first meter.Register) {
	stamp, minutes := h.calendar.stamps[h.swapped], len("2026-11-23T14:")
	shown := h.base + int64(h.swapped+1)*h.pace
	old, _ = meter.RegisterFromParts(shown, uint8(h.places))
	first, _ = meter.RegisterFromParts(shown+higher, uint8(h.places))
	return stamp[:minutes] + string(stamp[minutes]+1) + stamp[minutes+1:], old, first
}

// exchange tells of an exchange, before its readings or after them.
func (w *worker) exchange(ctx context.Context, h *home) error {
	if h.swapped == 0 || !w.log.Told(h.account.Claim()) {
		return nil
	}
	at, old, first := h.exchange()
	claim := witness.Exchange(h.account.Meter, at, old, first)
	w.log.Send(claim)
	code, _, err := w.timed("exchange", func() (caller.Answer, error) {
		return w.api.Post(ctx, "/meters/"+string(h.account.Meter)+"/exchange", url.Values{"at": {at}, "old_reading": {old.String()}, "new_reading": {first.String()}})
	})
	switch {
	case err != nil:
		return err
	case code == taken:
		w.log.Acknowledge(claim)
	default:
		w.log.Refuse(claim)
		w.unexpected("an exchange of "+string(h.account.Meter), code)
	}
	return nil
}

// correct corrects a reading that was acknowledged to what it shows wrongly.
func (w *worker) correct(ctx context.Context, h *home) error {
	for _, n := range h.again(w.chance, 1) {
		right, wrong := h.reading(n), h.wrong(n)
		if h.pace == 0 || !w.log.Told(right) { // a meter that stands still stands at its neighbours
			continue
		}
		answer := w.log.Correct(right, wrong.Register)
		if answer == nil {
			continue
		}
		code, _, err := w.timed("correction", func() (caller.Answer, error) {
			return w.api.PostBody(ctx, "/meters/"+string(right.Meter)+"/corrections", "application/json", fmt.Appendf(nil,
				`{"reason":"a soak","corrections":[{"timestamp":"%s","expect":%s,"reading":%s}]}`, right.Stamp, right.Register, wrong.Register))
		})
		if err != nil {
			return err
		}
		if answer(code == taken); code != taken {
			w.unexpected("a correction of "+string(right.Meter), code)
		}
	}
	return nil
}

func (g *generation) compareExchange(ctx context.Context, asked *caller.Caller, h *home) error {
	id := h.account.Meter
	if h.swapped == 0 {
		return nil
	}
	var known api.Meter
	if _, err := asked.Fetch(ctx, "/meters/"+string(id), nil, &known); err != nil {
		return err
	}
	var found []witness.Reading
	for _, c := range known.RegisterChanges {
		found = append(found, witness.Exchange(id, c.At, c.OldReading, c.NewReading))
	}
	g.findings.Violations("exchange", g.log.Compare(id, witness.Exchanges, found))
	return nil
}
