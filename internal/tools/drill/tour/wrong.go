package tour

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"meterledger/internal/meter"
	"meterledger/internal/tools/witness"
)

// mistake is a reading that a broken meter might send, and the code with which
// it must be refused; with none it must be taken.
type mistake struct {
	name, meterID, timestamp, reading string

	code meter.Code
}

func (t *tour) mistakes() []mistake {
	h := t.homes[0]
	id, known := string(h.id), h.placed.Readings[0]
	missing := known.Slot // a half hour of which there is no reading yet
	if gaps := h.gaps(t.last); len(gaps) > 0 {
		missing = gaps[0].first
	}
	at, free := t.zone.Stamp(known.Slot), t.zone.Stamp(missing)
	offGrid := t.zone.StampTime(t.zone.Time(known.Slot).Add(10 * time.Minute))
	tomorrow := t.zone.Stamp(t.last + meter.SlotsPerDay)
	register := known.Register
	other := register.Decimal().Add(decimal.New(1, -3))
	return []mistake{
		{"off the half hours", id, offGrid, register.String(), meter.CodeInvalidTimestamp},
		{"a day ahead", id, tomorrow, "9999", meter.CodeInvalidTimestamp},
		{"less than before", id, free, "1", meter.CodeReadingDecreases},
		{"another value", id, at, other.String(), meter.CodeReadingConflict},
		{"unknown meter", "MAC999999", at, "1", meter.CodeMeterNotFound},
		{"negative", id, free, "-1", meter.CodeInvalidReading},
		{"not a number", id, free, "NaN", meter.CodeInvalidReading},
		{"ten decimals", id, free, "1000.0123456789", meter.CodeInvalidReading},
		{"sent again", id, at, register.String(), ""},
	}
}

// postMistakes posts what no meter should, and shows how it is answered. That it
// changes nothing is seen when the household's consumption is compared.
func (t *tour) postMistakes(ctx context.Context) error {
	for _, m := range t.mistakes() {
		got, err := t.api.Record(ctx, witness.Reading{Meter: meter.ID(m.meterID), Stamp: m.timestamp, Register: m.reading})
		if err != nil {
			return fmt.Errorf("posting a wrong reading: %w", err)
		}
		t.say("%-19s %s  %s  %s kWh", m.name, m.meterID, minutes(m.timestamp), m.reading)
		t.wrap("                    → ", strings.Fields(got.String()))
		var code meter.Code
		if !got.OK() {
			code = got.Problem().Code
		}
		if code != m.code {
			t.differ("%s: answered with code %q, where it should be %q", m.name, code, m.code)
		}
	}
	return nil
}
