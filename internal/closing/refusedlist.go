package closing

import (
	"fmt"
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
			found := vee.NewDecreasing(vee.Refused{Count: m.Count, First: m.First, Last: m.Last, HasLost: m.HasLost, Below: rs.above(m)})
			if !yield(Flagged{store.Meter{Index: m.Meter, ID: id}, found, m.HasNews}) {
				return
			}
		}
	}
}

// above words the reading before a meter's refused ones, if it is above all of them, and of the
// dial that they are of. It is empty if it is not, or only an archive knows it.
func (rs *Runs) above(m store.RefusedMeter) string {
	near := rs.store.Before(m.Meter, m.First.Slot)
	dials, _ := rs.store.Life(m.Meter)
	if !near.Found || near.Archive != nil || near.Point.Register.Cmp(m.Highest) <= 0 || dials.Between(near.Point.Slot, m.Last.Slot) != nil {
		return ""
	}
	return fmt.Sprintf("%v kWh of %s", near.Point.Register, rs.zone.Stamp(near.Point.Slot))
}
