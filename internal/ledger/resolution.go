package ledger

import (
	"context"

	"meterledger/internal/store"
)

// Resolve writes down a person's verdict on an exception, which the caller has found, and returns
// the newest one: that of before if it says the same.
func (l *Ledger) Resolve(ctx context.Context, r store.Resolution) (store.Resolution, error) {
	r.At = l.now()
	if _, err := l.Ask(ctx, store.AppendResolution(nil, r), 1); err != nil {
		return r, err
	}
	newest, _ := l.store.Resolution(r.Meter, r.Rule, r.From)
	return newest, nil
}
