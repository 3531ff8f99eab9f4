package store

import (
	"cmp"
	"slices"

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
	if _, exists := s.directory.byID[a.ID]; exists {
		return false
	}
	s.accounts = append(s.accounts, a)
	s.directory.add(s.accounts)
	s.grid.meters = len(s.accounts)
	s.held.accounts += accountBytes + int64(len(a.ID)+len(a.OwnerName)+len(a.Address))
	return true
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
