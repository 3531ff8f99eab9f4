package kill

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/witness"
)

// load is what callers do to one run of the api.
type load struct {
	fleet    *fleet
	log      *witness.Log
	tally    *tally
	findings *witness.Findings

	ending      atomic.Bool  // the api has been, or is just about to be, told to end
	maintenance atomic.Int32 // runs that the operator waits for
	runs        atomic.Int32 // that the operator has begun
}

// errUnanswered is the error of a request that nobody answered, or not to its end.
var errUnanswered = errors.New("no answer")

// What is asked, as it stands in the summary.
const (
	askSingle   = "single reading"
	askWrong    = "wrong reading"
	askBatch    = "batch"
	askRegister = "registration"
)

// ask makes a request, and counts its answer.
func (l *load) ask(what string, request func() (caller.Answer, error)) (meter.Code, caller.Answer, error) {
	answer, err := request()
	if err != nil {
		l.tally.answered(what, errUnanswered.Error())
		return "", answer, errors.Join(errUnanswered, err)
	}
	code := answer.Code()
	l.tally.answered(what, string(code))
	return code, answer, nil
}

// timed is ask for the callers, whose waits are told.
func (l *load) timed(what string, request func() (caller.Answer, error)) (meter.Code, caller.Answer, error) {
	started, run := time.Now(), l.runs.Load()
	busy := l.maintenance.Load() > 0
	code, answer, err := l.ask(what, request)
	if err != nil {
		return code, answer, err
	}
	waited := slowest{any: time.Since(started)}
	if what == askSingle {
		waited.single = waited.any
		if busy || run != l.runs.Load() {
			waited.maintenance = waited.any
		}
	}
	l.tally.waited(waited)
	return code, answer, nil
}

// unexpected tells of a refusal that no right request may get.
func (l *load) unexpected(what string, answer meter.Code) {
	switch answer {
	case meter.CodeNotReceiving, meter.CodeMaintenanceRunning, meter.CodeOverloaded, meter.CodeNotReady:
	default:
		l.findings.Misbehaved("%s was answered %s", what, answer)
	}
}

// worker is one of the callers.
type worker struct {
	*load
	api    *caller.Caller
	chance *rand.Rand
}

// work sends until ctx ends or the api does.
func (w *worker) work(ctx context.Context) {
	defer w.api.Close()
	for ctx.Err() == nil {
		if err := w.step(ctx); err != nil {
			if !w.ending.Load() {
				w.findings.Misbehaved("a running api gives %v", err)
			}
			return
		}
	}
}

// step makes one request. The error is errUnanswered.
func (w *worker) step(ctx context.Context) error {
	h, c := w.fleet.pick(w.chance), w.chance
	if !w.log.ToldAccount(h.account.Meter) {
		return w.register(ctx, h)
	}
	switch what := c.IntN(100); {
	case what < 50:
		return w.single(ctx, h, h.due(c, 1))
	case what < 62:
		return w.single(ctx, h, h.late(c, 1))
	case what < 70:
		h = w.fleet.any(c)
		return w.single(ctx, h, h.again(c, 1))
	case what < 78:
		return w.wrong(ctx, w.fleet.any(c))
	case what < 80:
		return w.register(ctx, w.fleet.any(c)) // once more
	case what < 88:
		return w.batch(ctx, func(h *home) []int { return h.due(c, 1+c.IntN(150)) })
	case what < 94:
		return w.batch(ctx, func(h *home) []int { return h.late(c, 1+c.IntN(200)) })
	default:
		return w.batch(ctx, func(h *home) []int { return h.again(c, 1+c.IntN(100)) })
	}
}

func (w *worker) register(ctx context.Context, h *home) error {
	known := w.log.ToldAccount(h.account.Meter)
	w.log.SendAccount(h.account)
	code, _, err := w.timed(askRegister, func() (caller.Answer, error) {
		return w.api.Register(ctx, h.account.Meter, h.account.Owner, h.account.Address)
	})
	switch {
	case err != nil:
		return err
	case code == "ok" && known:
		w.findings.Misbehaved("meter %s, which is registered, was registered again", h.account.Meter)
	case code == "ok", code == meter.CodeMeterExists:
		w.log.AcknowledgeAccount(h.account.Meter)
	default:
		w.log.RefuseAccount(h.account.Meter)
		w.unexpected("registering "+string(h.account.Meter), code)
	}
	return nil
}

func (w *worker) single(ctx context.Context, h *home, numbers []int) error {
	for _, n := range numbers {
		r := h.reading(n)
		w.log.Send(r)
		code, _, err := w.timed(askSingle, func() (caller.Answer, error) { return w.api.Record(ctx, r) })
		switch {
		case err != nil:
			return err
		case code == "ok":
			w.log.Acknowledge(r)
		default:
			w.refused(h, n, code)
		}
	}
	return nil
}

// refused notes an answer that says a reading was not taken.
func (l *load) refused(h *home, n int, code meter.Code) {
	r := h.reading(n)
	if code == meter.CodeInternal {
		l.findings.Misbehaved("meter %s, %s: answered %s", r.Meter, r.Stamp, code)
		return // it may be there
	}
	l.log.Refuse(r)
	h.returned(n)
	l.unexpected("meter "+string(r.Meter)+", "+r.Stamp+", "+r.Register+" kWh, which is right,", code)
}

// wrong sends another register for a reading that was acknowledged.
func (w *worker) wrong(ctx context.Context, h *home) error {
	for _, n := range h.again(w.chance, 1) {
		right, wrong := h.reading(n), h.wrong(n)
		if !w.log.Told(right) {
			continue
		}
		code, _, err := w.timed(askWrong, func() (caller.Answer, error) { return w.api.Record(ctx, wrong) })
		switch {
		case err != nil:
			return err
		case code != meter.CodeReadingConflict:
			w.unexpected("meter "+string(wrong.Meter)+", "+wrong.Stamp+", "+wrong.Register+" kWh, though "+right.Register+" kWh was acknowledged,", code)
		}
	}
	return nil
}
