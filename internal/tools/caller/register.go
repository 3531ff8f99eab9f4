package caller

import (
	"context"
	"fmt"

	"meterledger/api"
	"meterledger/internal/meter"
	"meterledger/internal/tools/households"
)

const (
	// accountsTogether is how many accounts one body has.
	accountsTogether = 10_000
	// registering is how many callers send accounts at once at the most: each body waits for the disk again and
	// again, and they wait together.
	registering = 8
)

// RegisterAll registers all meters of a traffic in bulk; those that are registered already stay so.
func RegisterAll(ctx context.Context, callers []*Caller, t *households.Traffic) error {
	meters := t.Meters.Len()
	bodies := (meters + accountsTogether - 1) / accountsTogether
	return Each(ctx, callers[:min(len(callers), registering)], bodies, func(ctx context.Context, _ int, c *Caller, i int) error {
		var accounts []int
		for n := i * accountsTogether; n < min((i+1)*accountsTogether, meters); n++ {
			accounts = append(accounts, n)
		}
		return register(ctx, c, t, accounts)
	})
}

func register(ctx context.Context, c *Caller, t *households.Traffic, accounts []int) (refused error) {
	d := Delivery{
		Path: "/import_accounts", Header: meter.AccountHeader, Row: t.AppendAccount, Pause: RowsAgain, Tries: RowsTries,
		Fate: func(n int, fate Fate, why api.Problem) {
			if fate != Acknowledged && why.Code != meter.CodeMeterExists && refused == nil {
				refused = fmt.Errorf("registering %s: %s: %s", t.Meters.ID(n), why.Code, why.Detail)
			}
		},
	}
	if _, err := d.Deliver(ctx, c, accounts); err != nil {
		return fmt.Errorf("registering %s meters: %w", Grouped(len(accounts)), err)
	}
	return refused
}
