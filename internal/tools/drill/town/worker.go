package town

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
)

// Worker is one of the callers.
type Worker struct {
	*Town
	API    *caller.Caller
	Chance *rand.Rand
}

// ErrUnanswered is the error of a request that nobody answered, or not to its end.
var ErrUnanswered = errors.New("no answer")

// Taken stands for the code of a success.
const Taken meter.Code = "ok"

// AskSingle is what Town.Asks is told of a single reading.
const AskSingle = "single reading"

// Ask makes a request. The error is ErrUnanswered.
func (w *Worker) Ask(what string, request func() (caller.Answer, error)) (meter.Code, caller.Answer, error) {
	answered := w.Asks(what)
	answer, err := request()
	if err != nil {
		answered(ErrUnanswered.Error())
		return "", answer, fmt.Errorf("%s: %w: %w", what, ErrUnanswered, err)
	}
	code := answer.Code()
	answered(string(code))
	return code, answer, nil
}

// Step makes one request of a meter, or of somebody who looks after some.
func (w *Worker) Step(ctx context.Context) error {
	h, c := w.homes.pick(w.Chance), w.Chance
	if !w.Log.Told(h.account.Claim()) {
		return w.register(ctx, h)
	}
	switch what := c.IntN(100); {
	case what < 50:
		return w.single(ctx, h, h.due(c, 1))
	case what < 62:
		return w.single(ctx, h, h.late(c, 1))
	case what < 70:
		h = w.homes.any(c)
		return w.single(ctx, h, h.again(c, 1))
	case what < 74:
		return w.wrong(ctx, w.homes.any(c))
	case what < 76:
		return w.exchange(ctx, w.homes.any(c))
	case what < 78:
		return w.correct(ctx, w.homes.any(c))
	case what < 80:
		return w.register(ctx, w.homes.any(c)) // once more
	case what < 88:
		return w.batch(ctx, func(h *home) []int { return h.due(c, 1+c.IntN(150)) })
	case what < 94:
		return w.batch(ctx, func(h *home) []int { return h.late(c, 1+c.IntN(200)) })
	default:
		return w.batch(ctx, func(h *home) []int { return h.again(c, 1+c.IntN(100)) })
	}
}

func (w *Worker) register(ctx context.Context, h *home) error {
	known := w.Log.Told(h.account.Claim())
	w.Log.Send(h.account.Claim())
	code, _, err := w.Ask("registration", func() (caller.Answer, error) {
		return w.API.Register(ctx, h.account.Meter, h.account.Owner, h.account.Address)
	})
	switch {
	case err != nil:
		return err
	case code == Taken && known:
		w.Findings.Misbehaved("meter %s, which is registered, was registered again", h.account.Meter)
	case code == Taken, code == meter.CodeMeterExists:
		w.Log.Acknowledge(h.account.Claim())
	default:
		w.Log.Refuse(h.account.Claim())
		w.unexpected("registering "+string(h.account.Meter), code)
	}
	return nil
}

func (w *Worker) single(ctx context.Context, h *home, numbers []int) error {
	for _, n := range numbers {
		r := h.reading(n)
		w.Log.Send(r)
		code, _, err := w.Ask(AskSingle, func() (caller.Answer, error) { return w.API.Record(ctx, r) })
		if err != nil {
			return err
		}
		w.judge(h, n, code)
	}
	return nil
}

// wrong sends another register for a reading that was acknowledged.
func (w *Worker) wrong(ctx context.Context, h *home) error {
	for _, n := range h.again(w.Chance, 1) {
		right, wrong := h.reading(n), h.wrong(n)
		if !w.Log.Told(right) {
			continue
		}
		code, _, err := w.Ask("wrong reading", func() (caller.Answer, error) { return w.API.Record(ctx, wrong) })
		if err != nil {
			return err
		}
		if code != meter.CodeReadingConflict && w.Log.Told(right) { // nobody has corrected it meanwhile
			w.unexpected(fmt.Sprintf("meter %s, %s, %s kWh, though %s kWh was acknowledged,", wrong.Meter, wrong.Stamp, wrong.Register, right.Register), code)
		}
	}
	return nil
}

// judge notes what became of a right reading.
func (w *Worker) judge(h *home, n int, code meter.Code) {
	r := h.reading(n)
	switch code {
	case Taken:
		w.Log.Acknowledge(r)
	case meter.CodeInternal: // it may be there
		w.Findings.Misbehaved("meter %s, %s: answered %s", r.Meter, r.Stamp, code)
	default:
		w.Log.Refuse(r)
		h.returned(n)
		w.unexpected(fmt.Sprintf("meter %s, %s, %s kWh, which is right,", r.Meter, r.Stamp, r.Register), code)
	}
}

// unexpected tells of a refusal that no right request may get.
func (w *Worker) unexpected(what string, answer meter.Code) {
	if !answer.Passes() {
		w.Findings.Misbehaved("%s was answered %s", what, answer)
	}
}
