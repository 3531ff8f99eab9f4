package ledger

import (
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// MetersQuery asks for a page of the meters, in the order of their registration.
type MetersQuery struct {
	SilentFor time.Duration // only meters whose latest reading is at least so old, or that have none; 0 is all
	From      store.Index   // the Next of the page before, or 0
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
	Next   store.Index // of the next page
	More   bool        // there is one
}

// Meters returns a page of meters. A meter that has never reported is silent, however
// new it is.
func (l *Ledger) Meters(q MetersQuery) MetersPage {
	last := l.zone.Floor(l.now().Add(futureMax)) // no reading is later
	if q.SilentFor > 0 {
		last = l.zone.Floor(l.now().Add(-q.SilentFor))
	}
	var page MetersPage
	var found []store.Index
	found, page.Next, page.More = l.store.Silent(q.From, last, q.PageSize)
	for _, i := range found {
		account, latest := l.store.Account(i), l.store.Latest(i)
		page.Meters = append(page.Meters, MeterState{account.ID, account.RegisteredAt, latest, latest.Slot > 0})
	}
	return page
}
