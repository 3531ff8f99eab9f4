package rest

import (
	"context"

	"meterledger/api"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

type registerAccountRequest struct {
	OwnerName string   `param:"owner_name,required" validate:"text"`
	Address   string   `param:"address,required" validate:"text"`
	Meter     meter.ID `param:"meter_id,required"`
}

// Check makes sure that the rules hold.
func (q *registerAccountRequest) Check() error { return httpkit.Check(q) }

func (a *app) registerAccount(ctx context.Context, q *registerAccountRequest) (api.AccountCreated, error) {
	return api.AccountCreated{MeterID: q.Meter, Message: "Account successfully created"},
		a.ledger.Register(ctx, q.Meter, q.OwnerName, q.Address)
}

// meterRequest is every request that names a meter and nothing else.
type meterRequest struct {
	Meter meter.ID `param:"meter_id,required"`
}

func (a *app) account(_ context.Context, q *meterRequest) (api.Account, error) {
	account, err := a.ledger.Account(q.Meter)
	return api.Account{
		MeterID: account.ID, OwnerName: account.OwnerName, Address: account.Address,
		RegisteredAt: a.zone.StampTime(account.RegisteredAt),
	}, err
}
