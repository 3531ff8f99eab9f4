package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"meterledger/internal/access"
	"meterledger/internal/config"
	"meterledger/internal/httpkit"
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
)

// newDoor returns who knows the callers, which is nobody until openDoor; nil with access off.
func newDoor(settings config.API, log *slog.Logger) *access.Door {
	if !settings.Auth {
		return nil
	}
	door := &access.Door{Now: time.Now, Address: httpkit.ClientAddr}
	if settings.OIDCIssuer != "" {
		door.Issuer = access.NewIssuer(settings.OIDCIssuer, settings.OIDCAudience, settings.Timezone, time.Now, log)
	}
	return door
}

// openDoor makes sure that there is an operator, and takes credentials from here on.
func openDoor(ctx context.Context, door *access.Door, l *ledger.Ledger, log *slog.Logger) error {
	if door == nil {
		return nil
	}
	file, err := l.FirstOperator(ctx, ledger.Tokens{New: access.NewToken, Sum: access.SumOfOperatorToken})
	if meter.Passes(err) { // meters and homes are answered all the same
		log.Error("there is no operator, and none can be made now: start the api again once that passes", "error", err)
	} else if err != nil {
		return fmt.Errorf("making the first operator's token: %w", err)
	}
	if err == nil && file != "" {
		log.Info("there was no operator: the token of one is in a file, which only this user may read", "file", file)
	}
	door.Open(l)
	return nil
}
