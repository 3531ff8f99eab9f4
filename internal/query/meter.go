package query

import "meterledger/internal/meter"

// Meter is what is known of a meter.
type Meter struct {
	meter.Account
	Dials       meter.Dials
	Serial      string        // of the meter before the first of them; empty if it is not known
	Limits      *meter.Limits // nil if the present lies outside the scope
	First, Last *meter.Point  // reading; nil if there is none
}

// Meter returns what is known of a meter.
func (q *Reader) Meter(id meter.ID) (Meter, error) {
	m, err := q.find(id)
	if err != nil {
		return Meter{}, err
	}
	known := Meter{Account: q.account(m)}
	known.Dials, err = q.steadily(m, func() (err error) {
		if known.First, err = q.first(m); err == nil {
			known.Last, err = q.last(m)
		}
		return err
	})
	all, limits := q.store.Life(m.Index)
	until := q.within.To.Instant()
	if len(known.Dials) > 0 {
		until = known.Dials[0].At
	}
	known.Serial = all.SerialUpTo(until)
	if q.scope == nil || q.scope.IsOpen(q.present()) {
		known.Limits = &limits
	}
	return known, err
}
