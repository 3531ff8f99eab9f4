package town

import (
	"context"
	"net/url"

	"meterledger/api"
	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/witness"
)

// Compare fetches everything with callers of an api that nobody else uses, and holds it against the log.
func (t *Town) Compare(ctx context.Context, callers []*caller.Caller) error {
	homes := t.homes.all()
	return caller.Each(ctx, callers, len(homes), func(ctx context.Context, _ int, c *caller.Caller, i int) error {
		return t.compareHome(ctx, c, homes[i])
	})
}

func (t *Town) compareHome(ctx context.Context, asked *caller.Caller, h *home) error {
	id := h.account.Meter
	there := &witness.Account{}
	known, err := asked.Fetch(ctx, "/account", url.Values{"meter_id": {string(id)}}, there)
	if err != nil {
		return err
	}
	if !known {
		there = nil
	}
	t.Findings.Violations("account", t.Log.CompareAccount(id, there))
	found, _, err := asked.Readings(ctx, id, t.Calendar.Span())
	if err != nil {
		t.Findings.Misbehaved("the readings of %s cannot be had: %v", id, err)
		return ctx.Err()
	}
	t.Findings.Violations("api", t.Log.Compare(id, t.Calendar.Span(), found))
	return t.compareExchange(ctx, asked, h)
}

func (t *Town) compareExchange(ctx context.Context, asked *caller.Caller, h *home) error {
	id := h.account.Meter
	if h.swapped == 0 {
		return nil
	}
	var known api.Meter
	if _, err := asked.Fetch(ctx, "/meters/"+string(id), nil, &known); err != nil {
		return err
	}
	var found []witness.Reading
	for _, c := range known.RegisterChanges {
		found = append(found, witness.Exchange(id, c.At, c.OldReading, c.NewReading))
	}
	t.Findings.Violations("exchange", t.Log.Compare(id, witness.Exchanges, found))
	return nil
}
