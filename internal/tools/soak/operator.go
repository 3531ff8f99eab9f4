package main

import (
	"context"
	"math/rand/v2"
	"time"

	contract "meterledger/api"
	"meterledger/internal/client"
	"meterledger/internal/meter"
)

const (
	pauseMax    = 60 * time.Millisecond // between two things that the operator does
	shutdownMax = 20 * time.Millisecond // reception is off
)

// operator archives, closes, restores, shuts down and resumes, one after another.
type operator struct {
	*load
	calendar  *calendar
	chance    *rand.Rand
	reception *reception
}

// work goes on until ctx ends or the api does.
func (o *operator) work(ctx context.Context) {
	for o.pause(ctx, pauseMax) {
		if err := o.step(ctx); err != nil {
			if !o.ending.Load() {
				o.findings.misbehaved("a running api gives the operator %v", err)
			}
			return
		}
	}
}

// pause waits for a random time, and reports whether ctx goes on.
func (o *operator) pause(ctx context.Context, most time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(upTo(o.chance, most)):
		return true
	}
}

func (o *operator) step(ctx context.Context) error {
	month := o.calendar.months[o.chance.IntN(len(o.calendar.months))]
	last := o.calendar.months[len(o.calendar.months)-1]
	day := o.calendar.days[o.chance.IntN(len(o.calendar.days))]
	switch o.chance.IntN(8) {
	case 0:
		return o.shutdown(ctx)
	case 1:
		return o.restore(ctx)
	case 2, 3:
		return o.maintain(ctx, client.MaintenanceRequest{Type: contract.Daily, Date: day})
	case 4, 5:
		return o.maintain(ctx, client.MaintenanceRequest{Type: contract.Monthly, Month: last})
	case 6:
		return o.maintain(ctx, client.MaintenanceRequest{Type: contract.Monthly, Month: month})
	default:
		return o.maintain(ctx, client.MaintenanceRequest{Type: contract.Both, Date: day, Month: month})
	}
}

// run does what reception must go on beside.
func (o *operator) run(what string, request func() error) (meter.Code, error) {
	o.runs.Add(1)
	o.maintenance.Add(1)
	defer o.maintenance.Add(-1)
	answer, err := code(request())
	if err != nil {
		o.tally.answered(what, errUnanswered.Error(), slowest{})
		return "", err
	}
	o.tally.answered(what, string(answer), slowest{})
	return answer, nil
}

func (o *operator) maintain(ctx context.Context, q client.MaintenanceRequest) error {
	answer, err := o.run("maintenance, "+string(q.Type), func() error {
		_, err := o.api.StartMaintenance(ctx, q)
		return err
	})
	if err == nil && answer != "ok" && !o.ending.Load() {
		o.findings.misbehaved("%s maintenance of %s%s was answered %s", q.Type, q.Date, q.Month, answer)
	}
	return err
}

// restore finds everything there already: whatever stands in an archive was in the
// ledger before.
func (o *operator) restore(ctx context.Context) error {
	var restored contract.RestoreResult
	answer, err := o.run("restoring", func() (err error) {
		restored, err = o.api.Restore(ctx)
		return err
	})
	switch {
	case err != nil:
		return err
	case answer != "ok" && !o.ending.Load():
		o.findings.misbehaved("restoring was answered %s", answer)
	case answer == "ok" && restored.Readings+restored.Refused > 0:
		o.findings.misbehaved("restoring added %d readings that the api had lost and was refused %d", restored.Readings, restored.Refused)
	}
	return nil
}

// shutdown stops reception for a moment.
func (o *operator) shutdown(ctx context.Context) error {
	if err := o.change(ctx, "shutdown", false, o.api.Shutdown); err != nil {
		return err
	}
	o.pause(ctx, shutdownMax)
	return o.resume(ctx)
}

func (o *operator) resume(ctx context.Context) error {
	return o.change(ctx, "resume", true, o.api.Resume)
}

func (o *operator) change(ctx context.Context, what string, on bool, request func(context.Context) error) error {
	o.reception.sends()
	answer, err := code(request(ctx))
	if err != nil {
		o.tally.answered(what, errUnanswered.Error(), slowest{})
		return err
	}
	o.tally.answered(what, string(answer), slowest{})
	if answer != "ok" {
		o.findings.misbehaved("%s was answered %s", what, answer)
		return nil
	}
	o.reception.told(on)
	return nil
}

// reception is what the operator was told of it last.
type reception struct{ on, sure bool }

func (r *reception) sends()       { r.sure = false }
func (r *reception) told(on bool) { *r = reception{on, true} }
