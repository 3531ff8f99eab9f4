package closing

import (
	"io"
	"iter"

	"meterledger/internal/meter"
	"meterledger/internal/store"
	"meterledger/internal/vee"
)

// addRefused adds what was refused because registers rise with time, as it is kept now.
func (l *exceptionList) addRefused(rs *Runs, q ExceptionsQuery) error {
	if q.Rule != 0 && q.Rule != meter.RuleDecreasing {
		return nil
	}
	next, stop := iter.Pull(rs.refused(q))
	return l.begin(&exceptionSource{stop: stop, next: func() (Flagged, error) {
		if found, some := next(); some {
			return found, nil
		}
		return Flagged{}, io.EOF
	}})
}

// refused yields the meters of which such readings are kept, if the first or the last of them or a
// time between lies in the period that is asked for.
func (rs *Runs) refused(q ExceptionsQuery) iter.Seq[Flagged] {
	var window meter.Window
	if q.Period != (meter.Period{}) {
		window = q.Period.Window(rs.zone).Rows()
	}
	return func(yield func(Flagged) bool) {
		for m := range rs.store.AllRefused {
			if window != (meter.Window{}) && (m.Last.Slot < window.From || m.First.Slot > window.To) {
				continue
			}
			id := rs.store.Account(m.Meter).ID
			if q.Meter != "" && q.Meter != id {
				continue
			}
			if !yield(Flagged{store.Meter{Index: m.Meter, ID: id}, vee.NewDecreasing(m.First, m.Last, m.Count)}) {
				return
			}
		}
	}
}
