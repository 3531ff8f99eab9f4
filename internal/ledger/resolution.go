package ledger

import (
	"context"

	"meterledger/internal/store"
)

// Resolve writes down a person's verdict on an exception, which the caller has found, and returns
// the newest one: that of before if it says the same.
func (l *Ledger) Resolve(ctx context.Context, r store.Resolution) (store.Resolution, error) {
	r.At = l.now()
	v, err := l.ask(ctx, store.AppendResolution(nil, r), 1)
	if err != nil {
		return r, err
	}
	if v.Outcome == store.Accepted {
		l.log.Info("an exception was resolved", "meter_id", l.store.Account(r.Meter).ID, "rule", r.Rule, "from", l.zone.Stamp(r.From),
			"verdict", r.Ruling, "by", r.By)
	}
	newest, _ := l.store.Resolution(r.Meter, r.Rule, r.From)
	return newest, nil
}
