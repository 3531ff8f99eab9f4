package store

import (
	"iter"
	"slices"

	"meterledger/internal/meter"
)

// CredentialFilter says which credentials are wanted.
type CredentialFilter struct {
	After string     // only those issued after the one of this id; empty for all
	Meter meter.ID   // only those that name this meter; empty for all
	Role  meter.Role // only those of this role; NoRole for all
}

// credentialsTogether is how many credentials are looked at under one lock, and about how many
// meters of theirs are told.
const credentialsTogether = 1024

// Credentials yields credentials in the order in which they were issued. It keeps no lock while it
// yields. It yields none if nothing has the id or the name that is asked for.
func (s *Store) Credentials(f CredentialFilter) iter.Seq[*meter.Credential] {
	return func(yield func(*meter.Credential) bool) {
		var some []*meter.Credential
		for next, more := s.firstCredential(f); more; {
			some, next, more = s.someCredentials(some[:0], f, next)
			for _, c := range some {
				if !yield(c) {
					return
				}
			}
		}
	}
}

func (s *Store) firstCredential(f CredentialFilter) (n Index, more bool) {
	if f.After == "" {
		return 0, true
	}
	id, ok := parseCredentialID(f.After)
	s.mu.RLock()
	defer s.mu.RUnlock()
	n, found := s.credentialByID(id)
	return n + 1, ok && found
}

func (s *Store) someCredentials(some []*meter.Credential, f CredentialFilter, n Index) (_ []*meter.Credential, next Index, more bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i, known := s.directory.find(f.Meter)
	end := min(n+credentialsTogether, s.credentials.count)
	for told := 0; n < end && told < credentialsTogether; n++ {
		c := s.credentials.all.at(n)
		if (f.Role == meter.NoRole || c.role == f.Role) && (f.Meter == "" || known && slices.Contains(c.meters, i)) {
			some = append(some, s.tellCredential(n))
			told += len(c.meters)
		}
	}
	return some, n, n < s.credentials.count
}
