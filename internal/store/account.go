package store

import (
	"cmp"
	"slices"
	"sync/atomic"

	"meterledger/internal/meter"
)

// Index is a meter's place in the order of registration, from 0.
type Index uint32

// Meter is a registered meter.
type Meter struct {
	Index
	ID meter.ID
}

// accountFact is the registration of a meter.
//
//	account  01 | registered at | id | owner name | address
type accountFact meter.Account

// AppendAccount adds the registration of a meter to a batch.
func AppendAccount(b []byte, a meter.Account) []byte {
	return appendAccount(append(b, byte(kindAccount)), a)
}

// AppendRestoredAccount adds a registration that an operator puts back, which is taken also
// while reception is shut down.
func AppendRestoredAccount(b []byte, a meter.Account) []byte {
	return AppendAccount(append(b, byte(kindRestored)), a)
}

func appendAccount(b []byte, a meter.Account) []byte {
	b = appendTime(b, a.RegisteredAt)
	b = appendText(b, string(a.ID))
	b = appendText(b, a.OwnerName)
	return appendText(b, a.Address)
}

func (d *decoder) account() *accountFact {
	return &accountFact{RegisteredAt: d.time(), ID: meter.ID(d.text()), OwnerName: d.text(), Address: d.text()}
}

func (a *accountFact) effect(s *Store) Verdict {
	if s.refuses() {
		return Verdict{Outcome: NotReceiving}
	}
	return restoredAccount{a}.effect(s)
}

// restoredAccount is one that an operator puts back.
type restoredAccount struct{ *accountFact }

func (a restoredAccount) effect(s *Store) Verdict {
	if !s.register(meter.Account(*a.accountFact)) {
		return Verdict{Outcome: MeterExists}
	}
	return Verdict{Outcome: Accepted}
}

// register makes a meter known, and reports false if its id is taken.
func (s *Store) register(a meter.Account) bool {
	if _, exists := s.byID[a.ID]; exists {
		return false
	}
	s.byID[a.ID] = Index(len(s.accounts))
	s.accounts = append(s.accounts, a)
	s.followers = append(s.followers, 0)
	s.grid.meters = len(s.accounts)
	s.held.accounts += accountBytes + int64(len(a.ID)+len(a.OwnerName)+len(a.Address))
	return true
}

// Lookup finds a registered meter by its id.
func (s *Store) Lookup(id meter.ID) (Meter, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i, ok := s.byID[id]
	return Meter{i, id}, ok
}

// SortedByID returns all meters in the byte order of their ids, which is the
// order of the archives.
func (s *Store) SortedByID() []Index {
	s.mu.RLock()
	accounts := s.accounts // only ever added to; a nation's take a second to sort
	s.mu.RUnlock()
	order := make([]Index, len(accounts))
	for i := range order {
		order[i] = Index(i)
	}
	slices.SortFunc(order, func(a, b Index) int { return cmp.Compare(accounts[a].ID, accounts[b].ID) })
	return order
}

// Locate looks up the meters of rows under one read lock, last being the meter of the
// row before them, if there was one. It appends to located the rows whose meters are
// registered, and to unknown the places of the others.
//
// Senders keep to their order from one time to the next, so the meter that followed
// the last one before is tried first: its id is compared, while a look into the map
// would cost three misses of the cache.
func (s *Store) Locate(rows []meter.Row, last Index, located []Reading, unknown []int) ([]Reading, []int) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for place := range rows {
		row := &rows[place]
		i, ok := s.follower(last, row.Meter)
		if !ok {
			if i, ok = s.byID[meter.ID(row.Meter)]; !ok {
				unknown = append(unknown, place)
				continue
			}
			atomic.StoreUint32(&s.followers[last], uint32(i))
		}
		located = append(located, Reading{i, row.Slot, row.Register})
		last = i
	}
	return located, unknown
}

// follower returns the meter that came after last when it was located last, and whether
// it has this id.
func (s *Store) follower(last Index, id []byte) (Index, bool) {
	if int(last) >= len(s.followers) {
		return 0, false // there are no meters
	}
	i := Index(atomic.LoadUint32(&s.followers[last]))
	return i, string(s.accounts[i].ID) == string(id)
}

// encodeAccounts writes
//
//	accounts  02 | version | n uint32 | n × account
func encodeAccounts(e *stateEncoder, s *state) {
	encodeList(e, s.accounts, noHead, appendAccount)
}

func decodeAccounts(d *StateDecoder) {
	for range d.items {
		d.s.register(meter.Account{RegisteredAt: d.time(), ID: meter.ID(d.text()), OwnerName: d.text(), Address: d.text()})
	}
}
