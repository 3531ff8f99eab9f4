package rest

import (
	"net/http"

	"meterledger/internal/httpkit"
)

// ready answers whether readings are taken now.
func (a *api) ready(w http.ResponseWriter, _ *http.Request) error {
	if err := a.ledger.Ready(); err != nil {
		return err
	}
	httpkit.WriteJSON(w, http.StatusOK, map[string]string{"status": "ready"})
	return nil
}
