package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	contract "meterledger/api"
	"meterledger/internal/tools/soak/witness"
)

// comparers is how many meters are fetched at the same time.
const comparers = 4

// compare fetches everything from an api that nobody else uses, and holds it
// against the log.
func (g *generation) compare(ctx context.Context, url string) error {
	connection, err := newAPI(url, comparers)
	if err != nil {
		return err
	}
	defer connection.close()
	if err := g.compareReception(ctx, connection); err != nil {
		return err
	}
	homes := make(chan *home)
	failed := make([]error, comparers)
	var group sync.WaitGroup
	for i := range comparers {
		group.Go(func() {
			for h := range homes {
				if failed[i] == nil {
					failed[i] = g.compareHome(ctx, connection, h)
				}
			}
		})
	}
	for _, h := range g.fleet.all() {
		homes <- h
	}
	close(homes)
	group.Wait()
	return errors.Join(failed...)
}

func (g *generation) compareHome(ctx context.Context, a *api, h *home) error {
	id := h.account.Meter
	account, err := a.Account(ctx, id)
	var problem *contract.Problem
	switch {
	case err == nil:
		g.findings.violations("account", g.log.CompareAccount(id, &witness.Account{
			Meter: account.MeterID, Owner: account.OwnerName, Address: account.Address, Recorded: account.RegisteredAt,
		}))
	case errors.As(err, &problem) && problem.Status == 404:
		g.findings.violations("account", g.log.CompareAccount(id, nil))
	default:
		return fmt.Errorf("fetching the account of %s: %w", id, err)
	}
	found, _, err := a.readings(ctx, id, g.calendar.span())
	if err != nil {
		g.findings.misbehaved("the readings of %s cannot be had: %v", id, err)
		return ctx.Err()
	}
	g.findings.violations("api", g.log.Compare(id, g.calendar.span(), found))
	return nil
}

// compareReception makes sure that a shutdown survives an end, and a resumption too.
func (g *generation) compareReception(ctx context.Context, a *api) error {
	status, err := a.MaintenanceStatus(ctx)
	if err != nil {
		return fmt.Errorf("asking whether readings are received: %w", err)
	}
	if g.reception.sure && status.IsReceivingData != g.reception.on {
		g.findings.misbehaved("reception is on: %v, though the operator was told %v", status.IsReceivingData, g.reception.on)
	}
	g.reception.told(status.IsReceivingData)
	return nil
}
