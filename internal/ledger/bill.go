package ledger

import (
	"meterledger/internal/billing"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// Bill returns a meter's bill for a closed month.
func (l *Ledger) Bill(id meter.ID, month meter.Month) (billing.Bill, error) {
	i, err := l.find(id)
	if err != nil {
		return billing.Bill{}, err
	}
	var closed []billing.Closed
	for _, history := range l.store.Histories(i) {
		closed = append(closed, billing.Closed{Month: history.Month, Window: history.Window, Versions: versions(history)})
	}
	bill, found := billing.For(month, closed)
	if !found {
		return billing.Bill{}, meter.NotFound(meter.CodeBillNotFound,
			"meter %s has no bill for %s: the month is not archived yet, or has no readings of it", id, month)
	}
	return bill, nil
}

// versions are what a meter's closed month was from one closing to another.
func versions(h store.MonthHistory) []billing.Version {
	all := make([]billing.Version, 0, len(h.Former)+1)
	since := uint32(1)
	add := func(s store.Summary) {
		closing := h.Closings[since-1]
		all = append(all, billing.Version{
			Closing: billing.Closing(closing), Readings: int(s.Count), First: s.First, Last: s.Last,
		})
	}
	for _, former := range h.Former {
		add(former.Summary)
		since = former.Until
	}
	add(h.Summary)
	return all
}

// LastMonth returns the calendar month before the present one.
func (l *Ledger) LastMonth() meter.Month { return l.zone.Today(l.now()).CalendarMonth().Add(-1) }
