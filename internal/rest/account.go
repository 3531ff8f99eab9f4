package rest

import (
	"net/http"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

type registerAccountRequest struct {
	OwnerName string `param:"owner_name" validate:"required,text"`
	Address   string `param:"address" validate:"required,text"`
	MeterID   string `param:"meter_id" validate:"required,meter_id"`
}

type registerAccountAnswer struct {
	MeterID meter.ID `json:"meter_id"`
	Message string   `json:"message"`
}

func (a *api) registerAccount(w http.ResponseWriter, r *http.Request) error {
	var q registerAccountRequest
	if err := httpkit.Bind(r, &q); err != nil {
		return err
	}
	id := meter.ID(q.MeterID)
	if err := a.ledger.Register(r.Context(), id, q.OwnerName, q.Address); err != nil {
		return err
	}
	httpkit.WriteJSON(w, http.StatusOK, registerAccountAnswer{id, "Account successfully created"})
	return nil
}

// meterRequest is every request that names a meter and nothing else.
type meterRequest struct {
	MeterID string `param:"meter_id" validate:"required,meter_id"`
}

type accountAnswer struct {
	MeterID      meter.ID `json:"meter_id"`
	OwnerName    string   `json:"owner_name"`
	Address      string   `json:"address"`
	RegisteredAt string   `json:"registered_at"`
}

func (a *api) account(w http.ResponseWriter, r *http.Request) error {
	var q meterRequest
	if err := httpkit.Bind(r, &q); err != nil {
		return err
	}
	account, err := a.ledger.Account(meter.ID(q.MeterID))
	if err != nil {
		return err
	}
	httpkit.WriteJSON(w, http.StatusOK, accountAnswer{
		account.ID, account.OwnerName, account.Address, a.zone.StampTime(account.RegisteredAt),
	})
	return nil
}
