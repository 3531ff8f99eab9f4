package main

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/tools/soak/witness"
)

// load is what callers do to one run of the api.
type load struct {
	api      *api
	fleet    *fleet
	log      *witness.Log
	tally    *tally
	findings *findings

	ending      atomic.Bool  // the api has been, or is just about to be, told to end
	maintenance atomic.Int32 // runs that the operator waits for
	runs        atomic.Int32 // that the operator has begun
}

// work sends until ctx ends or the api does.
func (l *load) work(ctx context.Context, chance *rand.Rand) {
	for ctx.Err() == nil {
		if err := l.step(ctx, chance); err != nil {
			if !l.ending.Load() {
				l.findings.misbehaved("a running api gives %v", err)
			}
			return
		}
	}
}

// step makes one request. The error is errUnanswered.
func (l *load) step(ctx context.Context, chance *rand.Rand) error {
	h := l.fleet.pick(chance)
	if !l.log.ToldAccount(h.account.Meter) {
		return l.register(ctx, h)
	}
	switch what := chance.IntN(100); {
	case what < 50:
		return l.single(ctx, h, h.due(chance, 1))
	case what < 62:
		return l.single(ctx, h, h.late(chance, 1))
	case what < 70:
		h = l.fleet.any(chance)
		return l.single(ctx, h, h.again(chance, 1))
	case what < 78:
		return l.wrong(ctx, chance, l.fleet.any(chance))
	case what < 80:
		return l.register(ctx, l.fleet.any(chance)) // once more
	case what < 88:
		return l.batch(ctx, chance, func(h *home) []int { return h.due(chance, 1+chance.IntN(150)) })
	case what < 94:
		return l.batch(ctx, chance, func(h *home) []int { return h.late(chance, 1+chance.IntN(200)) })
	default:
		return l.batch(ctx, chance, func(h *home) []int { return h.again(chance, 1+chance.IntN(100)) })
	}
}

// ask makes a request, and counts and times its answer.
func (l *load) ask(what string, request func() error) (meter.Code, error) {
	started, run := time.Now(), l.runs.Load()
	busy := l.maintenance.Load() > 0
	answer, err := code(request())
	took := time.Since(started)
	if err != nil {
		l.tally.answered(what, errUnanswered.Error(), slowest{})
		return "", err
	}
	waited := slowest{any: took}
	if what == askSingle {
		waited.single = took
		if busy || run != l.runs.Load() {
			waited.maintenance = took
		}
	}
	l.tally.answered(what, string(answer), waited)
	return answer, nil
}

// What is asked, as it stands in the summary.
const (
	askSingle   = "single reading"
	askWrong    = "wrong reading"
	askBatch    = "batch"
	askRegister = "registration"
)

func (l *load) register(ctx context.Context, h *home) error {
	known := l.log.ToldAccount(h.account.Meter)
	l.log.SendAccount(h.account)
	answer, err := l.ask(askRegister, func() error {
		return l.api.RegisterAccount(ctx, h.account.Meter, h.account.Owner, h.account.Address)
	})
	switch {
	case err != nil:
		return err
	case answer == "ok" && known:
		l.findings.misbehaved("meter %s, which is registered, was registered again", h.account.Meter)
	case answer == "ok", answer == meter.CodeMeterExists:
		l.log.AcknowledgeAccount(h.account.Meter)
	default:
		l.log.RefuseAccount(h.account.Meter)
		l.unexpected("registering "+string(h.account.Meter), answer)
	}
	return nil
}

func (l *load) single(ctx context.Context, h *home, numbers []int) error {
	for _, n := range numbers {
		r := h.reading(n)
		register, err := meter.ParseKWh(r.Register)
		if err != nil {
			panic("BUG: a home shows " + r.Register)
		}
		l.log.Send(r)
		answer, err := l.ask(askSingle, func() error { return l.api.RecordReading(ctx, r.Meter, r.Stamp, register) })
		switch {
		case err != nil:
			return err
		case answer == "ok":
			l.log.Acknowledge(r)
		default:
			l.refused(h, n, answer)
		}
	}
	return nil
}

// refused notes an answer that says a reading was not taken.
func (l *load) refused(h *home, n int, answer meter.Code) {
	r := h.reading(n)
	if answer == meter.CodeInternal {
		l.findings.misbehaved("meter %s, %s: answered %s", r.Meter, r.Stamp, answer)
		return // it may be there
	}
	l.log.Refuse(r)
	h.returned(n)
	l.unexpected("meter "+string(r.Meter)+", "+r.Stamp+", "+r.Register+" kWh, which is right,", answer)
}

// unexpected tells of a refusal that no right request may get.
func (l *load) unexpected(what string, answer meter.Code) {
	switch answer {
	case meter.CodeNotReceiving, meter.CodeMaintenanceRunning, meter.CodeOverloaded, meter.CodeNotReady:
	default:
		l.findings.misbehaved("%s was answered %s", what, answer)
	}
}

// wrong sends another register for a reading that was acknowledged.
func (l *load) wrong(ctx context.Context, chance *rand.Rand, h *home) error {
	for _, n := range h.again(chance, 1) {
		right, wrong := h.reading(n), h.wrong(n)
		if !l.log.Told(right) {
			continue
		}
		register, err := meter.ParseKWh(wrong.Register)
		if err != nil {
			panic("BUG: a home shows " + wrong.Register)
		}
		answer, err := l.ask(askWrong, func() error { return l.api.RecordReading(ctx, wrong.Meter, wrong.Stamp, register) })
		switch {
		case err != nil:
			return err
		case answer != meter.CodeReadingConflict:
			l.unexpected("meter "+string(wrong.Meter)+", "+wrong.Stamp+", "+wrong.Register+" kWh, where "+right.Register+" kWh was acknowledged,", answer)
		}
	}
	return nil
}
