package ledger

import (
	"github.com/shopspring/decimal"

	"meterledger/internal/meter"
)

// percentDecimals is how many digits after the point a percentage is rounded to,
// halves away from zero.
const percentDecimals = 2

// Comparison sets a consumption beside that of the window before.
type Comparison struct {
	Window meter.Window // before
	Consumption
}

// WindowBefore returns the window of the same length just before another. It counts
// half hours, not days of a calendar.
func WindowBefore(w meter.Window) meter.Window {
	length := min(w.To-w.From, w.From) // time begins with slot 0
	return meter.Window{From: w.From - length, To: w.From}
}

// Before measures the window before another. While that has not ended, the one
// before is only followed as far as it has come.
func (l *Ledger) Before(id meter.ID, w meter.Window) (Comparison, error) {
	m, err := l.find(id)
	if err != nil {
		return Comparison{}, err
	}
	before := WindowBefore(w)
	if now := l.horizon(m.Index); now < w.To {
		before = before.Until(before.From + max(now, w.From) - w.From)
	}
	c, err := l.measure(m, before)
	return Comparison{before, c}, err
}

// Known reports whether there are enough readings for a consumption.
func (c Comparison) Known() bool { return c.Readings >= 2 }

// Difference is how much more was used since: less than zero where it was less.
func (c Comparison) Difference(since Consumption) meter.Energy {
	return meter.Energy{Decimal: since.Energy().Decimal.Sub(c.Energy().Decimal)}
}

// Percent is the difference in percent of the earlier consumption, and false where
// that is zero.
func (c Comparison) Percent(since Consumption) (decimal.Decimal, bool) {
	earlier := c.Energy().Decimal
	if earlier.IsZero() {
		return decimal.Decimal{}, false
	}
	return c.Difference(since).Shift(2).DivRound(earlier, percentDecimals), true
}
