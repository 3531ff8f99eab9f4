package town

import (
	"context"
	"fmt"
	"net/url"

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
func (w *Worker) exchange(ctx context.Context, h *home) error {
	if h.swapped == 0 || !w.Log.Told(h.account.Claim()) {
		return nil
	}
	at, old, first := h.exchange()
	claim := witness.Exchange(h.account.Meter, at, old, first)
	w.Log.Send(claim)
	code, _, err := w.Ask("exchange", func() (caller.Answer, error) {
		return w.API.Post(ctx, "/meters/"+string(h.account.Meter)+"/exchange", url.Values{"at": {at}, "old_reading": {old.String()}, "new_reading": {first.String()}})
	})
	switch {
	case err != nil:
		return err
	case code == Taken:
		w.Log.Acknowledge(claim)
	default:
		w.Log.Refuse(claim)
		w.unexpected("an exchange of "+string(h.account.Meter), code)
	}
	return nil
}

// correct corrects a reading that was acknowledged to what it shows wrongly.
func (w *Worker) correct(ctx context.Context, h *home) error {
	for _, n := range h.again(w.Chance, 1) {
		right, wrong := h.reading(n), h.wrong(n)
		if h.pace == 0 || !w.Log.Told(right) { // a meter that stands still stands at its neighbours
			continue
		}
		answer := w.Log.Correct(right, wrong.Register)
		if answer == nil {
			continue
		}
		code, _, err := w.Ask("correction", func() (caller.Answer, error) {
			return w.API.PostBody(ctx, "/meters/"+string(right.Meter)+"/corrections", "application/json", fmt.Appendf(nil,
				`{"reason":"a soak","corrections":[{"timestamp":"%s","expect":%s,"reading":%s}]}`, right.Stamp, right.Register, wrong.Register))
		})
		if err != nil {
			return err
		}
		if answer(code == Taken); code != Taken {
			w.unexpected("a correction of "+string(right.Meter), code)
		}
	}
	return nil
}
