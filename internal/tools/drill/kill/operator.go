package kill

import (
	"context"
	"math/rand/v2"
	"net/url"
	"time"

	"meterledger/internal/client"
	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
)

const (
	pauseMax    = 60 * time.Millisecond // between two things that the operator does
	shutdownMax = 20 * time.Millisecond // reception is off
)

// operator archives, closes, restores, shuts down and resumes, one after another.
type operator struct {
	*load
	api       *caller.Caller
	calendar  *calendar
	chance    *rand.Rand
	reception *reception
}

// work goes on until ctx ends or the api does.
func (o *operator) work(ctx context.Context) {
	defer o.api.Close()
	for caller.Pause(ctx, upTo(o.chance, pauseMax)) == nil {
		if err := o.step(ctx); err != nil {
			if !o.ending.Load() {
				o.findings.Misbehaved("a running api gives the operator %v", err)
			}
			return
		}
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
		return o.maintain(ctx, maintenance{client.Daily, day, ""})
	case 4, 5:
		return o.maintain(ctx, maintenance{client.Monthly, "", last})
	case 6:
		return o.maintain(ctx, maintenance{client.Monthly, "", month})
	default:
		return o.maintain(ctx, maintenance{client.Both, day, month})
	}
}

// maintenance is a run that is asked for.
type maintenance struct {
	kind       client.MaintenanceType
	day, month string
}

func (m maintenance) post(ctx context.Context, api *caller.Caller) (caller.Answer, error) {
	query := url.Values{"maintenance_type": {string(m.kind)}}
	if m.day != "" {
		query.Set("date", m.day)
	}
	if m.month != "" {
		query.Set("month", m.month)
	}
	return api.Post(ctx, "/maintenance/start", query)
}

// run does what reception must go on beside.
func (o *operator) run(what string, request func() (caller.Answer, error)) (meter.Code, caller.Answer, error) {
	o.runs.Add(1)
	o.maintenance.Add(1)
	defer o.maintenance.Add(-1)
	return o.ask(what, request)
}

func (o *operator) maintain(ctx context.Context, m maintenance) error {
	code, _, err := o.run("maintenance, "+string(m.kind), func() (caller.Answer, error) { return m.post(ctx, o.api) })
	if err == nil && code != "ok" && !o.ending.Load() {
		o.findings.Misbehaved("%s maintenance of %s%s was answered %s", m.kind, m.day, m.month, code)
	}
	return err
}

// restore finds everything there already: whatever stands in an archive was in the
// ledger before.
func (o *operator) restore(ctx context.Context) error {
	code, answer, err := o.run("restoring", func() (caller.Answer, error) { return o.api.Post(ctx, "/restore_data", nil) })
	switch {
	case err != nil:
		return err
	case code == "ok":
		var restored client.Restored
		if err := answer.Into("restoring", &restored); err != nil {
			return err
		}
		if restored.Readings+restored.Refused > 0 {
			o.findings.Misbehaved("restoring added %d readings that the api had lost and was refused %d", restored.Readings, restored.Refused)
		}
	case !o.ending.Load():
		o.findings.Misbehaved("restoring was answered %s", code)
	}
	return nil
}

// shutdown stops reception for a moment.
func (o *operator) shutdown(ctx context.Context) error {
	if err := o.change(ctx, "shutdown", false); err != nil {
		return err
	}
	if caller.Pause(ctx, upTo(o.chance, shutdownMax)) != nil {
		return nil
	}
	return o.change(ctx, "resume", true)
}

func (o *operator) change(ctx context.Context, what string, on bool) error {
	o.reception.sure = false
	code, _, err := o.ask(what, func() (caller.Answer, error) { return o.api.Post(ctx, "/"+what, nil) })
	switch {
	case err != nil:
		return err
	case code != "ok":
		o.findings.Misbehaved("%s was answered %s", what, code)
	default:
		o.reception.told(on)
	}
	return nil
}

// reception is what the operator was told of it last.
type reception struct{ on, sure bool }

func (r *reception) told(on bool) { *r = reception{on, true} }
