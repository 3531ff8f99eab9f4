package query

import "meterledger/internal/meter"

// Coverage is how lately all meters reported.
type Coverage struct {
	Newest meter.Slot // the half hour of the present
	Latest []int      // of how many meters the latest reading is of Newest or later, of the half hour before, and so on
	Older  int        // whose latest reading is older than these
	Never  int        // that have none
}

// Coverage counts all meters by the half hour of their latest reading, for so many half hours. It takes
// some milliseconds for a million meters, and is not cut to a scope.
func (q *Reader) Coverage(halfHours int) Coverage {
	c := Coverage{Newest: q.zone.Floor(q.now())}
	counts := make([]int, halfHours+1)
	c.Never = q.store.CountLatest(c.Newest, counts)
	c.Latest, c.Older = counts[:halfHours], counts[halfHours]
	return c
}
