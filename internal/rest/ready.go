package rest

import (
	"net/http"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/web"
)

// ready answers whether readings are taken now.
func (a *api) ready(w http.ResponseWriter, _ *http.Request) error {
	if !a.ledger.Receiving() {
		return meter.Unavailable(meter.CodeNotReceiving, time.Minute, "reception is shut down")
	}
	web.WriteJSON(w, http.StatusOK, map[string]string{"status": "ready"})
	return nil
}
