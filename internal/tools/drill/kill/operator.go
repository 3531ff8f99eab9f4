package kill

import (
	"context"
	"net/url"
	"time"

	"meterledger/api"
	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
)

const (
	pauseMax    = 60 * time.Millisecond // between two things that the operator does
	shutdownMax = 20 * time.Millisecond // reception is off
)

// operator archives, closes, restores, shuts down and resumes, one after another.
type operator struct{ worker }

func (o *operator) work(ctx context.Context) {
	o.worker.work(ctx, func(ctx context.Context) error {
		if caller.Pause(ctx, upTo(o.chance, pauseMax)) != nil {
			return nil // the end
		}
		return o.step(ctx)
	})
}

func (o *operator) step(ctx context.Context) error {
	months := o.calendar.months
	month, last := months[o.chance.IntN(len(months))], months[len(months)-1]
	day := o.calendar.days[o.chance.IntN(len(o.calendar.days))]
	switch o.chance.IntN(8) {
	case 0:
		return o.shutdown(ctx)
	case 1:
		return o.restore(ctx)
	case 2, 3:
		return o.maintain(ctx, url.Values{"maintenance_type": {"daily"}, "date": {day}})
	case 4, 5:
		return o.maintain(ctx, url.Values{"maintenance_type": {"monthly"}, "month": {last}})
	case 6:
		return o.maintain(ctx, url.Values{"maintenance_type": {"monthly"}, "month": {month}})
	default:
		return o.maintain(ctx, url.Values{"maintenance_type": {"both"}, "date": {day}, "month": {month}})
	}
}

const startPath = "/maintenance/start"

// run does what reception must go on beside.
func (o *operator) run(ctx context.Context, what, path string, query url.Values) (meter.Code, caller.Answer, error) {
	o.runs.Add(1)
	o.maintenance.Add(1)
	defer o.maintenance.Add(-1)
	code, answer, err := o.ask(what, func() (caller.Answer, error) { return o.api.Post(ctx, path, query) })
	if err == nil && code != taken && !o.ending.Load() {
		o.findings.Misbehaved("%s of %s%s was answered %s", what, query.Get("date"), query.Get("month"), code)
	}
	return code, answer, err
}

func (o *operator) maintain(ctx context.Context, query url.Values) error {
	_, _, err := o.run(ctx, "maintenance, "+query.Get("maintenance_type"), startPath, query)
	return err
}

// restore finds everything there already: whatever stands in an archive was in the
// ledger before.
func (o *operator) restore(ctx context.Context) error {
	code, answer, err := o.run(ctx, "restoring", "/restore_data", nil)
	if err != nil || code != taken {
		return err
	}
	var restored api.RestoreResult
	if err := answer.Into("restoring", &restored); err != nil {
		return err
	}
	if restored.Readings+restored.Refused > 0 {
		o.findings.Misbehaved("restoring added %d readings that the api had lost and was refused %d", restored.Readings, restored.Refused)
	}
	return nil
}

// shutdown stops reception for a moment.
func (o *operator) shutdown(ctx context.Context) error {
	if err := o.change(ctx, "shutdown", false); err != nil {
		return err
	}
	if caller.Pause(ctx, upTo(o.chance, shutdownMax)) != nil {
		return nil // the end
	}
	return o.change(ctx, "resume", true)
}

func (o *operator) change(ctx context.Context, what string, on bool) error {
	o.reception.sure = false
	code, _, err := o.ask(what, func() (caller.Answer, error) { return o.api.Post(ctx, "/"+what, nil) })
	switch {
	case err != nil:
		return err
	case code != taken:
		o.findings.Misbehaved("%s was answered %s", what, code)
	default:
		o.reception = reception{on, true}
	}
	return nil
}
