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
