package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"meterledger/api"
	"meterledger/internal/access"
	"meterledger/internal/audit"
	"meterledger/internal/config"
	"meterledger/internal/httpkit"
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
	"meterledger/internal/node"
)

// newDoor returns who knows the callers, which is nobody until openDoor; nil with access off.
func newDoor(settings config.API, log *slog.Logger) *access.Door {
	if !settings.Auth {
		return nil
	}
	door := &access.Door{Came: httpkit.Came, Address: httpkit.ClientAddr}
	if settings.OIDCIssuer != "" {
		door.Issuer = access.NewIssuer(settings.OIDCIssuer, settings.OIDCAudience, settings.Timezone, now, log)
	}
	return door
}

// openDoor makes sure that there is an operator, and takes credentials from here on.
func openDoor(ctx context.Context, door *access.Door, n *node.Node, log *slog.Logger) error {
	if door == nil {
		return nil
	}
	issue := issue{log: n.Audit}
	file, err := n.FirstOperator(ctx, ledger.Tokens{Issuing: issue.begin, New: access.NewToken, Sum: access.SumOfOperatorToken})
	issue.end(err)
	if meter.Passes(err) || err != nil && errors.Is(err, issue.failure) { // meters and homes are answered all the same
		log.Error("there is no operator, and none can be made now: start the api again once that passes", "error", err)
	} else if err != nil {
		return fmt.Errorf("making the first operator's token: %w", err)
	}
	if err == nil && file != "" {
		log.Info("there was no operator: the token of one is in a file, which only this user may read", "file", file)
	}
	door.Open(n.Ledger)
	return nil
}

// issue writes into the audit log that the program itself issues a credential. Nobody asks for it,
// so the line tells of no request.
type issue struct {
	log     *audit.Log
	line    *api.AuditLine // nil until it begins
	failure error          // of the log
}

func (i *issue) begin(id string) error {
	role := meter.RoleOperator.String()
	line := api.AuditLine{
		What: "start without an operator", Outcome: api.AuditBegun, Count: 1,
		Parameters: []api.AuditParameter{{Name: "role", Value: &role}, {Name: "credential_id", Value: &id}},
	}
	if i.failure = i.log.Begin(line); i.failure == nil {
		i.line = &line
	}
	return i.failure
}

func (i *issue) end(err error) {
	if i.line == nil {
		return
	}
	i.line.Outcome = api.AuditDone
	if err != nil {
		i.line.Outcome = api.AuditFailed
	}
	i.log.End(*i.line)
}
