package rest

import (
	"context"
	"net/http"

	"meterledger/internal/httpkit"
)

type receptionAnswer struct {
	Success         bool   `json:"success"`
	Message         string `json:"message"`
	Timestamp       string `json:"timestamp"`
	IsReceivingData bool   `json:"is_receiving_data"`
}

func (a *api) shutdown(w http.ResponseWriter, r *http.Request) error {
	return a.switchReception(w, r, a.ledger.Shutdown, receptionAnswer{
		Success: true, Message: "Reception of readings and registrations is shut down", IsReceivingData: false,
	})
}

func (a *api) resume(w http.ResponseWriter, r *http.Request) error {
	return a.switchReception(w, r, a.ledger.Resume, receptionAnswer{
		Success: true, Message: "Readings and registrations are received again", IsReceivingData: true,
	})
}

func (a *api) switchReception(w http.ResponseWriter, r *http.Request, change func(context.Context) error, answer receptionAnswer) error {
	if err := httpkit.Bind(r, &struct{}{}); err != nil {
		return err
	}
	if err := change(r.Context()); err != nil {
		return err
	}
	answer.Timestamp = a.stamp()
	httpkit.WriteJSON(w, http.StatusOK, answer)
	return nil
}
