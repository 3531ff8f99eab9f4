package query

import (
	"math"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// AllTime is the window of all that there can be.
var AllTime = meter.Window{To: math.MaxUint32}

// HistoryPlace is a place in a history: so many corrections after the first of a time.
type HistoryPlace struct {
	Slot meter.Slot
	Skip int
}

// History returns a page of what was corrected of a meter's readings within a window, in order
// of their time, from a place on, and the place of the next page, or nil if it is the last.
func (q *Reader) History(id meter.ID, w meter.Window, from HistoryPlace, pageSize int) (page []store.Past, next *HistoryPlace, err error) {
	m, w, err := q.findWithin(id, w)
	if err != nil {
		return nil, nil, err
	}
	w.From = max(w.From, from.Slot)
	page = q.store.History(m.Index, w)
	for skip := from.Skip; skip > 0 && len(page) > 0 && page[0].Slot == from.Slot; skip-- {
		page = page[1:]
	}
	if len(page) <= pageSize {
		return page, nil, nil
	}
	next = &HistoryPlace{Slot: page[pageSize].Slot}
	page = page[:pageSize]
	for n := len(page); n > 0 && page[n-1].Slot == next.Slot; n-- {
		next.Skip++
	}
	if next.Slot == from.Slot {
		next.Skip += from.Skip
	}
	return page, next, nil
}
