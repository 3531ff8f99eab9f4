package store

import (
	"encoding/binary"
	"hash/maphash"
	"slices"
	"sync/atomic"
	"time"
	"unsafe"

	"meterledger/internal/meter"
)

// credential is what is kept of a credential: a nation's homes have one each, so it is small.
// It is never changed, only replaced.
type credential struct {
	id            credentialID
	sha256        [32]byte
	role          meter.Role
	isCertificate bool
	isAll         bool
	from, until   meter.Instant
	createdAt     int64 // Unix seconds
	expiresAt     int64 // Unix seconds; 0 is never
	revokedAt     int64 // Unix seconds; 0 is not revoked
	meters        []Index
	label, by     string
}

// credentials are all that were ever issued, in that order.
type credentials struct {
	all   column[*credential]
	used  column[uint32] // packed days; 0 before the first use
	count Index
}

func (c *credentials) share() credentials {
	return credentials{slices.Clone(c.all), slices.Clone(c.used), c.count}
}

// credentialBytes is what a credential takes beside its texts and its meters: its places in two
// columns, and two in the index.
const credentialBytes = int64(unsafe.Sizeof(credential{})) + 8 + 4 + 2*30

func (c *credential) bytes() int64 {
	const allocated = 8 // bytes, at the least
	n := credentialBytes + int64(len(c.meters)+1)/2*allocated
	for _, text := range []string{c.label, c.by} {
		n += int64(len(text)+allocated-1) / allocated * allocated
	}
	return n
}

// CredentialGrowth is by how much a credential of some meters can make a store grow, in bytes.
func CredentialGrowth(c *meter.Credential) int64 {
	return GrowthMax + 2*int64(len(c.Scope.Meters)*4+len(c.Label)+len(c.By))
}

func unixOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func timeOf(unix int64) time.Time {
	if unix == 0 {
		return time.Time{}
	}
	return time.Unix(unix, 0)
}

// packDay returns a number that is greater for a later day.
func packDay(d meter.Day) uint32 { return uint32(d.Year)<<9 | uint32(d.Month)<<5 | uint32(d.Day) }

func unpackDay(packed uint32) meter.Day {
	return meter.Day{Year: int(packed >> 9), Month: time.Month(packed >> 5 & 15), Day: int(packed & 31)}
}

func (c *credential) isLive(at int64) bool {
	return c.revokedAt == 0 && (c.expiresAt == 0 || at < c.expiresAt)
}

// credentialSeed keeps callers from choosing credentials that are slow to find. What is kept does
// not depend on it.
var credentialSeed = maphash.MakeSeed()

// findCredential looks into the index, which has each credential by its id and by its hash: those
// of the same place in it stand at the places that follow. None is ever removed.
func findCredential[K comparable](s *Store, key K, of func(*credential) K) (n Index, found bool) {
	for place := maphash.Comparable(credentialSeed, key); ; place++ {
		n, found = s.credentialPlaces[place]
		if !found || of(s.credentials.all.at(n)) == key {
			return n, found
		}
	}
}

func (s *Store) credentialByID(id credentialID) (Index, bool) {
	return findCredential(s, id, func(c *credential) credentialID { return c.id })
}

func (s *Store) credentialByHash(sha256 [32]byte) (Index, bool) {
	return findCredential(s, sha256, func(c *credential) [32]byte { return c.sha256 })
}

// enter adds a credential to the index.
func enter[K comparable](s *Store, key K, n Index) {
	place := maphash.Comparable(credentialSeed, key)
	for _, taken := s.credentialPlaces[place]; taken; _, taken = s.credentialPlaces[place] {
		place++
	}
	s.credentialPlaces[place] = n
}

// keepCredential adds a credential whose id and hash are not taken.
func (s *Store) keepCredential(c *credential) {
	n := s.credentials.count
	if n > 0 && s.credentials.all.at(n-1).by == c.by {
		c.by = s.credentials.all.at(n - 1).by // one text for all that one operator issues
	}
	c.meters = slices.Clip(c.meters)
	s.credentials.all.set(n, c, s.grid.ice)
	s.credentials.count++
	enter(s, c.id, n)
	enter(s, c.sha256, n)
	if c.role == meter.RoleOperator {
		s.operators = append(s.operators, n)
	}
	s.held.credentials += c.bytes()
}

func (s *Store) replaceCredential(n Index, c *credential) {
	s.credentials.all.set(n, c, s.grid.ice)
	s.recentPlace(&c.sha256).Store(nil)
}

func (s *Store) useCredential(n Index, day uint32) {
	s.credentials.used.set(n, day, s.grid.ice)
	s.recentPlace(&s.credentials.all.at(n).sha256).Store(nil)
}

// recentCredentials is how many credentials are kept as callers are told of them, so that those
// who ask all the time cost no allocation and no lock.
const recentCredentials = 4096

// recentCredential is written under mu: by readers what is so, by writers nil for what they have changed.
type recentCredential = atomic.Pointer[meter.Credential]

// recentPlace returns where a credential of a hash is kept. Of two that share a place, the later drives
// the other out.
func (s *Store) recentPlace(sha256 *[32]byte) *recentCredential {
	return &s.recentCredentials[binary.BigEndian.Uint16(sha256[:])%recentCredentials]
}

// Credential finds a credential, also one that does not count any more, by the hash of its token
// or its certificate. The caller must not change it.
func (s *Store) Credential(sha256 [32]byte) (*meter.Credential, bool) {
	if told := s.recentPlace(&sha256).Load(); told != nil && told.SHA256 == sha256 {
		return told, true
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	n, found := s.credentialByHash(sha256)
	if !found {
		return nil, false
	}
	return s.credentialAt(n), true
}

// CredentialByID finds a credential, also one that does not count any more. The caller must not
// change it.
func (s *Store) CredentialByID(id string) (*meter.Credential, bool) {
	raw, ok := parseCredentialID(id)
	if !ok {
		return nil, false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	n, found := s.credentialByID(raw)
	if !found {
		return nil, false
	}
	return s.credentialAt(n), true
}

// HasOperator reports whether a credential of an operator counts at a time.
func (s *Store) HasOperator(at time.Time) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.hasOtherOperator(s.credentials.count, at.Unix())
}

// credentialAt returns a credential as callers are told of it.
func (s *Store) credentialAt(n Index) *meter.Credential {
	c := s.credentials.all.at(n)
	recent := s.recentPlace(&c.sha256)
	if told := recent.Load(); told != nil && told.SHA256 == c.sha256 {
		return told
	}
	told := s.tellCredential(n)
	recent.Store(told)
	return told
}

func (s *Store) tellCredential(n Index) *meter.Credential {
	c := s.credentials.all.at(n)
	told := &meter.Credential{
		ID: c.id.String(), Role: c.role, SHA256: c.sha256, IsCertificate: c.isCertificate,
		Scope: meter.Scope{IsAll: c.isAll, From: c.from, Until: c.until},
		Label: c.label, By: c.by, CreatedAt: timeOf(c.createdAt), ExpiresAt: timeOf(c.expiresAt), RevokedAt: timeOf(c.revokedAt),
	}
	if len(c.meters) > 0 {
		told.Scope.Meters = make([]meter.ID, len(c.meters))
		for place, i := range c.meters {
			told.Scope.Meters[place] = s.accounts[i].ID
		}
		slices.Sort(told.Scope.Meters)
	}
	if day := s.credentials.used.at(n); day > 0 {
		told.LastUse = unpackDay(day)
	}
	return told
}
