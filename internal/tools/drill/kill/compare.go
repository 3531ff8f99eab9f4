package kill

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"meterledger/internal/client"
	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/witness"
)

// comparers is how many meters are fetched at the same time.
const comparers = 4

// compare fetches everything from an api that nobody else uses, and holds it
// against the log.
func (g *generation) compare(ctx context.Context, url string) error {
	callers := caller.Several(comparers, *g.caller(url))
	if err := g.compareReception(ctx, callers[0]); err != nil {
		return err
	}
	homes := g.fleet.all()
	return caller.Each(ctx, callers, len(homes), func(ctx context.Context, _ int, c *caller.Caller, i int) error {
		return g.compareHome(ctx, c, homes[i])
	})
}

func (g *generation) compareHome(ctx context.Context, api *caller.Caller, h *home) error {
	id := h.account.Meter
	answer, err := api.Get(ctx, "/account", url.Values{"meter_id": {string(id)}})
	if err != nil {
		return fmt.Errorf("fetching the account of %s: %w", id, err)
	}
	var there *witness.Account
	if answer.Status != http.StatusNotFound {
		var account client.Account
		if err := answer.Into("the account of "+string(id), &account); err != nil {
			return err
		}
		there = &witness.Account{Meter: account.MeterID, Owner: account.OwnerName, Address: account.Address, Recorded: account.RegisteredAt}
	}
	g.findings.Violations("account", g.log.CompareAccount(id, there))
	found, _, err := api.Readings(ctx, id, g.calendar.span())
	if err != nil {
		g.findings.Misbehaved("the readings of %s cannot be had: %v", id, err)
		return ctx.Err()
	}
	g.findings.Violations("api", g.log.Compare(id, g.calendar.span(), found))
	return nil
}

// compareReception makes sure that a shutdown survives an end, and a resumption too.
func (g *generation) compareReception(ctx context.Context, api *caller.Caller) error {
	answer, err := api.Get(ctx, "/maintenance/status", nil)
	if err != nil {
		return fmt.Errorf("asking whether readings are received: %w", err)
	}
	var status client.MaintenanceStatus
	if err := answer.Into("whether readings are received", &status); err != nil {
		return err
	}
	if g.reception.sure && status.IsReceivingData != g.reception.on {
		g.findings.Misbehaved("reception is on: %v, though the operator was told %v", status.IsReceivingData, g.reception.on)
	}
	g.reception.told(status.IsReceivingData)
	return nil
}
