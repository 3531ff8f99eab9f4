package rest

import (
	"net/http"

	"meterledger/internal/meter"
	"meterledger/internal/query"
)

// readingsCSV writes the raw readings of a window as the archives hold them.
func (a *app) readingsCSV(w http.ResponseWriter, r *http.Request, id meter.ID, q query.SeriesQuery) error {
	if err := rawOnly(q); err != nil {
		return err
	}
	state, closed, err := a.reader.ClosedFingerprint(id, q.Window, false)
	if err != nil || closed && notModified(w, r, typeCSV, state[:]) {
		return err
	}
	months, err := a.reader.Readings(id, q.Window)
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
func rawOnly(q query.SeriesQuery) error {
	for _, asked := range []struct {
		name string
		is   bool
	}{
		{"interval", q.Interval != query.HalfHour}, {"order", q.Descending}, {"estimate", q.Estimate}, {"cursor", q.At != nil},
	} {
		if asked.is {
			return meter.Invalid(meter.CodeInvalidParameter, asked.name,
				"does not go with CSV, which is the readings as they came; leave it out, or ask for JSON")
		}
	}
	return nil
}
