package store

import (
	"cmp"
	"encoding/binary"
	"unsafe"

	"meterledger/internal/meter"
)

// ownerFact says who lives behind a meter from an instant on, and at which address. What was
// registered stays, and is what was true before the first change.
//
//	owner  34 | meter uint32 | at uint64 | owner name | address
//
// An empty text stands for what it was before.
type ownerFact struct {
	meter Index
	owner
}

// owner is who lives behind a meter from an instant on.
type owner struct {
	at            meter.Instant
	name, address string
}

// owners are the changes of a meter's owner, in the order in which they came and in order of time.
// They are never changed, only replaced.
type owners struct{ all []owner }

// AppendOwner adds to a batch who lives behind a meter from an instant on, and at which address. An
// empty one of the two stays as it is.
func AppendOwner(b []byte, i Index, at meter.Instant, name, address string) []byte {
	return appendOwner(append(b, byte(kindOwner)), ownerFact{i, owner{at, name, address}})
}

func appendOwner(b []byte, f ownerFact) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(f.meter))
	b = binary.BigEndian.AppendUint64(b, uint64(f.at))
	return appendText(appendText(b, f.name), f.address)
}

func (d *decoder) owner() ownerFact {
	return ownerFact{d.meter(), owner{d.instant(), d.text(), d.text()}}
}

func (f ownerFact) effect(s *Store) Verdict {
	present := s.accountAt(f.meter, lastInstant)
	f.name, f.address = cmp.Or(f.name, present.OwnerName), cmp.Or(f.address, present.Address)
	if present.OwnerName == f.name && present.Address == f.address {
		return Verdict{Outcome: Duplicate}
	}
	s.own(f)
	return Verdict{Outcome: Accepted}
}

// own adds a change. If the clock was set back since the one before, it takes effect right after
// that.
func (s *Store) own(f ownerFact) {
	var before []owner
	if known := s.owners.at(f.meter); known != nil {
		before = known.all
		f.at = max(f.at, before[len(before)-1].at)
	}
	s.owners.set(f.meter, &owners{append(before[:len(before):len(before)], f.owner)}, s.grid.ice)
	s.ownerChanges++
	s.held.accounts += ownerBytes + int64(len(f.name)+len(f.address))
}

// ownerBytes is what a change of an owner takes beside its texts.
const ownerBytes = int64(unsafe.Sizeof(owner{}) + unsafe.Sizeof(owners{}) + 8)

// lastInstant is after all others.
const lastInstant = meter.Instant(1<<63 - 1)

func (s *state) accountAt(i Index, at meter.Instant) meter.Account {
	a := s.accounts[i]
	if changed := s.owners.at(i); changed != nil {
		for _, o := range changed.all {
			if o.at <= at {
				a.OwnerName, a.Address = o.name, o.address
			}
		}
	}
	return a
}

// Account returns what was registered for a meter, with its present owner and address.
func (s *Store) Account(i Index) meter.Account { return s.AccountAt(i, lastInstant) }

// AccountAt returns what was registered for a meter, with its owner and its address as they were
// at an instant.
func (s *Store) AccountAt(i Index, at meter.Instant) meter.Account {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.accountAt(i, at)
}

// OwnerChanges returns how many changes of owners there were.
func (s *Store) OwnerChanges() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.ownerChanges
}

// encodeOwners writes
//
//	owners  26 | version | n uint32 | n × owner, as in the entry
func encodeOwners(e *stateEncoder, s *state) {
	var all []ownerFact
	for i, changed := range s.owners.all {
		for _, o := range changed.all {
			all = append(all, ownerFact{i, o})
		}
	}
	encodeList(e, all, noHead, appendOwner)
}

func decodeOwners(d *StateDecoder) {
	for range d.items {
		if f := d.owner(); d.err == nil {
			d.s.own(f)
		}
	}
}
