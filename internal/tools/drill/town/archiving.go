package town

import (
	"context"
	"net/url"

	"meterledger/api"
	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
)

// AskRun begins what Town.Asks is told of what reception must go on beside.
const AskRun = "maintenance, "

// Archive has a day or a month archived, or both.
func (w *Worker) Archive(ctx context.Context) error {
	months, days := w.Calendar.Months, w.Calendar.Days
	month, day := months[w.Chance.IntN(len(months))], days[w.Chance.IntN(len(days))]
	switch w.Chance.IntN(6) {
	case 0, 1:
		return w.maintain(ctx, url.Values{"maintenance_type": {"daily"}, "date": {day}})
	case 2, 3:
		return w.maintain(ctx, url.Values{"maintenance_type": {"monthly"}, "month": {months[len(months)-1]}})
	case 4:
		return w.maintain(ctx, url.Values{"maintenance_type": {"monthly"}, "month": {month}})
	default:
		return w.maintain(ctx, url.Values{"maintenance_type": {"both"}, "date": {day}, "month": {month}})
	}
}

func (w *Worker) run(ctx context.Context, what, path string, query url.Values) (meter.Code, caller.Answer, error) {
	code, answer, err := w.Ask(what, func() (caller.Answer, error) { return w.API.Post(ctx, path, query) })
	if err == nil && code != Taken && !w.Ending.Load() {
		w.Findings.Misbehaved("%s of %s%s was answered %s", what, query.Get("date"), query.Get("month"), code)
	}
	return code, answer, err
}

func (w *Worker) maintain(ctx context.Context, query url.Values) error {
	_, _, err := w.run(ctx, AskRun+query.Get("maintenance_type"), "/maintenance/start", query)
	return err
}

// Restore finds everything there already: whatever stands in an archive was in the ledger before.
func (w *Worker) Restore(ctx context.Context) error {
	code, answer, err := w.run(ctx, AskRun+"restoring", "/restore_data", nil)
	if err != nil || code != Taken {
		return err
	}
	var restored api.RestoreResult
	if err := answer.Into("restoring", &restored); err != nil {
		return err
	}
	if restored.Readings+restored.Refused > 0 {
		w.Findings.Misbehaved("restoring added %d readings that the api had lost and was refused %d", restored.Readings, restored.Refused)
	}
	return nil
}
