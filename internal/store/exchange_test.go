package store

import (
	"errors"
	"testing"

	"meterledger/internal/meter"
)

func TestAnExchangeWithAPlacingThatNobodyCanWordIsRefused(t *testing.T) {
	s := New()
	mustApply(t, s, AppendAccount(nil, account))
	for placed := meter.NotPlaced; placed <= meter.PlacedOver; placed++ {
		c := meter.Change{At: meter.Slot(closedFrom).Instant() + meter.Instant(placed) + 1, Kind: meter.Exchange, Placed: placed}
		if _, err := s.Apply(AppendExchange(nil, 0, c, false), Verdicts{}); err != nil {
			t.Errorf("placing %d: %v", placed, err)
		}
	}
	c := meter.Change{At: meter.Slot(closedTo).Instant(), Kind: meter.Exchange, Placed: meter.PlacedOver + 1}
	if _, err := s.Apply(AppendExchange(nil, 0, c, false), Verdicts{}); !errors.Is(err, ErrNewer) {
		t.Errorf("a placing that is not known: %v", err)
	}
}
