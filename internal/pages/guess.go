package pages

import (
	"fmt"

	"github.com/shopspring/decimal"

	"meterledger/internal/meter"
	"meterledger/internal/query"
)

// A period that has not ended is guessed from what was used in the 28 days before its last reading,
// so that each day of the week counts four times. With less than a week there is no guess.
const (
	guessFrom  = 28 * meter.SlotsPerDay
	guessLeast = 7 * meter.SlotsPerDay
)

// guess says how much a whole period will have used. It is no answer of the api.
type guess struct {
	KWh string // rounded, since more digits would say more than is known
	How string
}

// guess returns nil if p has ended or too little is known now.
func (s *site) guess(h home, p period, used *query.Consumption) (*guess, error) {
	if used == nil || used.End.Slot >= p.window(s.zone).To {
		return nil, nil
	}
	now := used.End.Slot
	lately, err := h.used(meter.Window{From: now - guessFrom, To: now})
	if err != nil || lately == nil || now-lately.Start.Slot < guessLeast {
		return nil, butForArchives(err)
	}
	left, over := int64(p.window(s.zone).To-now), int64(now-lately.Start.Slot)
	rest := lately.Energy().Mul(decimal.NewFromInt(left)).DivRound(decimal.NewFromInt(over), meter.RegisterDecimalsMax)
	return &guess{
		KWh: used.Energy().Add(rest).Round(0).String(),
		How: fmt.Sprintf("if the rest of this %s is like the %s before %s", p.by, count(int(over/meter.SlotsPerDay), "day"), s.moment(now).Text),
	}, nil
}
