package ledger

import (
	"meterledger/internal/billing"
	"meterledger/internal/meter"
)

// Bill returns a meter's bill for a closed month.
func (l *Ledger) Bill(id meter.ID, month meter.Month) (billing.Bill, error) {
	i, err := l.find(id)
	if err != nil {
		return billing.Bill{}, err
	}
	var closed []billing.Closed
	for _, s := range l.store.Summaries(i) {
		closed = append(closed, billing.Closed{
			Month: s.Month, Window: s.Window, Readings: int(s.Count), First: s.First, Last: s.Last,
		})
	}
	bill, found := billing.For(month, closed)
	if !found {
		return billing.Bill{}, meter.NotFound(meter.CodeBillNotFound,
			"meter %s has no bill for %s: the month is not archived yet, or has no readings of it", id, month)
	}
	return bill, nil
}

// LastMonth returns the calendar month before the present one.
func (l *Ledger) LastMonth() meter.Month { return l.zone.Today(l.now()).CalendarMonth().Add(-1) }
