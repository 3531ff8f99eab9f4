package query

import (
	"meterledger/internal/billing"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// Bill returns a meter's bill for a closed month. One that opens or ends outside the scope is not
// there; if only what it said before does, that is left out.
func (q *Reader) Bill(id meter.ID, month meter.Month) (billing.Bill, error) {
	m, err := q.find(id)
	if err != nil {
		return billing.Bill{}, err
	}
	bill, found := q.bill(m, month)
	if !found {
		return bill, meter.NotFound(meter.CodeBillNotFound,
			"meter %s has no bill for %s: the month is not archived yet, or has no readings of it", id, month)
	}
	return bill, nil
}

// Bills returns all bills of a meter that Bill returns, in order of time.
func (q *Reader) Bills(id meter.ID) (all []billing.Bill, err error) {
	m, err := q.find(id)
	if err != nil {
		return nil, err
	}
	for _, closed := range q.store.Months() {
		if bill, found := q.bill(m, closed.Month); found {
			all = append(all, bill)
		}
	}
	return all, nil
}

func (q *Reader) bill(m store.Meter, month meter.Month) (bill billing.Bill, found bool) {
	issued, closed, found := q.store.Bill(m.Index, month)
	if !found || !q.holds(issued.Figures) {
		return bill, false
	}
	dials, _ := q.store.Life(m.Index)
	figures := func(f store.Figures) billing.Figures {
		return billing.Figures{
			Start: f.Start, End: f.End, Changes: f.Dials, Serial: dials.Serial(f.Start.Slot), Readings: int(f.Readings), Expected: closed.Window.Points(),
			IsUnknown: f.Start.Slot == f.End.Slot && !q.store.BilledBefore(m.Index, month),
		}
	}
	bill = billing.Bill{Month: month, Figures: figures(issued.Figures), Revision: int(issued.Revision), RevisedAt: issued.RevisedAt}
	if issued.Previous != nil && q.holds(*issued.Previous) {
		previous := figures(*issued.Previous)
		bill.Previous = &previous
	}
	return bill, true
}

// holds reports whether both registers of a bill lie within the scope.
func (q *Reader) holds(f store.Figures) bool {
	return q.within.Contains(f.Start.Slot) && q.within.Contains(f.End.Slot)
}

// LastMonth returns the calendar month before the present one.
func (q *Reader) LastMonth() meter.Month { return q.zone.Today(q.now()).CalendarMonth().Add(-1) }
