package rest

import (
	"net/http"

	"meterledger/internal/ledger"
	"meterledger/internal/meter"
)

// readingsCSV writes the raw readings of a window as the archives hold them.
func (a *api) readingsCSV(w http.ResponseWriter, r *http.Request, id meter.ID, q ledger.SeriesQuery) error {
	if err := rawOnly(q); err != nil {
		return err
	}
	state, closed, err := a.ledger.ClosedState(id, q.Window, false)
	if err != nil || closed && notModified(w, r, typeCSV, state[:]) {
		return err
	}
	months, err := a.ledger.Readings(id, q.Window)
	if err != nil {
		return err
	}
	return a.streamCSV(w, r, func(s *rowStream) error {
		for points, err := range months {
			if err != nil {
				return err
			}
			if err := s.add(id, points); err != nil {
				return err
			}
		}
		return nil
	})
}

// rawOnly refuses what would ask for something else than the readings as they came.
func rawOnly(q ledger.SeriesQuery) error {
	for _, asked := range []struct {
		name string
		is   bool
	}{
		{"interval", q.Interval != ledger.HalfHour}, {"order", q.Descending}, {"estimate", q.Estimate}, {"cursor", q.At != nil},
	} {
		if asked.is {
			return meter.Invalid(meter.CodeInvalidParameter, asked.name,
				"does not go with CSV, which is the readings as they came; leave it out, or ask for JSON")
		}
	}
	return nil
}
