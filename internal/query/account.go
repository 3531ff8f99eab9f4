package query

import (
	"iter"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// Account returns what was registered for a meter. Owner and address are as they were when the scope
// ended, or are now. They are left empty before it begins, and if the meter was registered only after
// it; so is the registration if it lies outside.
func (q *Reader) Account(id meter.ID) (meter.Account, error) {
	m, err := q.find(id)
	if err != nil {
		return meter.Account{}, err
	}
	return q.account(m), nil
}

func (q *Reader) account(m store.Meter) meter.Account {
	if !q.isCut(AllTime) {
		return q.store.Account(m.Index)
	}
	at := q.present()
	if q.scope.Until > 0 {
		at = min(at, q.scope.Until-1) // who moves in at that second is not told
	}
	known := q.store.AccountAt(m.Index, at)
	registered := q.zone.Instant(known.RegisteredAt)
	if at < max(q.scope.From, registered) {
		known.OwnerName, known.Address = "", ""
	}
	if registered < q.scope.From || at < registered {
		known.RegisteredAt = time.Time{}
	}
	return known
}

func (q *Reader) present() meter.Instant { return q.zone.Instant(q.now()) }

// Accounts hands out all accounts in the order of their registration, without a lock between
// two of them.
func (q *Reader) Accounts() iter.Seq[meter.Account] {
	return func(yield func(meter.Account) bool) {
		n, _ := q.store.Counts()
		for i := range n {
			if !yield(q.store.Account(store.Index(i))) {
				return
			}
		}
	}
}

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
func (q *Reader) Meters(ask MetersQuery) MetersPage {
	last := q.zone.Floor(q.now().Add(meter.FutureMax)) // no reading is later
	if ask.SilentFor > 0 {
		last = q.zone.Floor(q.now().Add(-ask.SilentFor))
	}
	var page MetersPage
	var found []store.Index
	found, page.Next, page.More = q.store.Silent(ask.From, last, ask.PageSize)
	for _, i := range found {
		account, latest := q.store.Account(i), q.store.Latest(i)
		page.Meters = append(page.Meters, MeterState{account.ID, account.RegisteredAt, latest, latest.Slot > 0})
	}
	return page
}
