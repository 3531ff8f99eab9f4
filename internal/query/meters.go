package query

import (
	"math"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// MetersQuery asks for a page of the meters, in the order of their registration.
type MetersQuery struct {
	Begins    meter.ID      // only meters whose ids begin with it, the one that has this very id before all others; empty is all
	SilentFor time.Duration // only meters whose latest reading is at least so old, or that have none; 0 is all
	From      *store.Index  // the Next of the page before; nil for the first
	PageSize  int
}

// MeterState is a meter and its latest reading.
type MeterState struct {
	ID           meter.ID
	RegisteredAt time.Time
	Latest       meter.Point
	Reported     bool // there is a latest reading
}

// MetersPage is a part of the meters.
type MetersPage struct {
	Meters []MeterState
	Next   *store.Index // of the next page; nil if there is none
}

// Meters returns a page of meters. A meter that has never reported is silent, however
// new it is.
func (q *Reader) Meters(ask MetersQuery) (page MetersPage) {
	by := store.Search{Begins: ask.Begins, Last: math.MaxUint32} // while the clock is behind, readings lie ahead
	if ask.SilentFor > 0 {
		by.Last = q.zone.Floor(q.now().Add(-ask.SilentFor))
	}
	var from store.Index
	if ask.From != nil {
		from = *ask.From
	} else if exact, known := q.store.Lookup(ask.Begins); known && q.store.Latest(exact.Index).Slot <= by.Last {
		page.Meters = append(page.Meters, q.state(exact.Index))
	}
	found, next, more := q.store.Find(from, by, ask.PageSize-len(page.Meters))
	for _, i := range found {
		page.Meters = append(page.Meters, q.state(i))
	}
	if more {
		page.Next = &next
	}
	return page
}

func (q *Reader) state(i store.Index) MeterState {
	account, latest := q.store.Account(i), q.store.Latest(i)
	return MeterState{account.ID, account.RegisteredAt, latest, latest.Slot > 0}
}
