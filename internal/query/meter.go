package query

import "meterledger/internal/meter"

// Meter is what is known of a meter.
type Meter struct {
	meter.Account
	Dials       meter.Dials
	Limits      meter.Limits
	First, Last *meter.Point // reading; nil if there is none
}

// Meter returns what is known of a meter.
func (q *Reader) Meter(id meter.ID) (Meter, error) {
	m, err := q.find(id)
	if err != nil {
		return Meter{}, err
	}
	known := Meter{Account: q.store.Account(m.Index)}
	known.Dials, err = q.steadily(m.Index, func() (err error) {
		known.First, err = q.after(m, 0)
		return err
	})
	if latest := q.store.Latest(m.Index); latest.Slot > 0 {
		known.Last = &latest
	}
	_, known.Limits = q.store.Life(m.Index)
	return known, err
}
