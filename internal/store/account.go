package store

import (
	"slices"
	"strings"

	"meterledger/internal/meter"
)

// Index is a meter's place in the order of registration, from 0.
type Index uint32

// Meter is a registered meter that was found once.
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

func appendAccount(b []byte, a meter.Account) []byte {
	b = appendTime(b, a.RegisteredAt)
	b = appendText(b, string(a.ID))
	b = appendText(b, a.OwnerName)
	return appendText(b, a.Address)
}

func decodeAccount(d *decoder) fact { return d.account() }

func (d *decoder) account() *accountFact {
	return &accountFact{RegisteredAt: d.time(), ID: meter.ID(d.text()), OwnerName: d.text(), Address: d.text()}
}

func (a *accountFact) effect(s *Store) Verdict {
	if s.refuses() {
		return Verdict{Outcome: NotReceiving}
	}
	if !s.register(meter.Account(*a)) {
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
	return true
}

// Lookup finds a registered meter.
func (s *Store) Lookup(id meter.ID) (Meter, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i, ok := s.byID[id]
	return Meter{i, id}, ok
}

// Account returns what was registered for a meter.
func (s *Store) Account(i Index) meter.Account {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.accounts[i]
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
	slices.SortFunc(order, func(a, b Index) int {
		return strings.Compare(string(accounts[a].ID), string(accounts[b].ID))
	})
	return order
}

// encodeAccounts writes
//
//	accounts  02 | version | n uint32 | n × account
func encodeAccounts(e *stateEncoder, s *state) {
	e.list(2, len(s.accounts), noHead, func(b []byte, i int) []byte { return appendAccount(b, s.accounts[i]) })
}

func readAccounts(r *stateReader, _ uint8) {
	for range r.uint32() {
		account := r.account()
		if r.err != nil {
			return
		}
		r.s.register(meter.Account(*account))
	}
}
