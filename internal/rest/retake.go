package rest

import (
	"context"

	"meterledger/api"
	"meterledger/internal/meter"
)

type retakeRequest struct {
	Meter meter.ID `path:"meter_id"`
}

// retake judges a meter's refused readings again, in order of time.
func (a *app) retake(ctx context.Context, q *retakeRequest) (api.BatchResult, error) {
	tally, err := a.ledger.Retake(ctx, q.Meter)
	if err != nil {
		return api.BatchResult{}, err
	}
	return batchAnswer(tally, tally.Retriable())
}
