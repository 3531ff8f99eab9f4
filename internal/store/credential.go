package store

import (
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"meterledger/internal/meter"
)

// Three entries tell of a credential: that it was issued, that it was revoked, and on which day
// it was used. An id, and the hash of a token or a certificate, is taken once for all time: what
// was revoked does not come back. A revocation that would leave no operator has no effect.
//
//	credential  31 | id 10 bytes | SHA-256 32 bytes | role uint8 | is certificate uint8 | is all uint8 | from uint64 | until uint64 | created at | expires at | label | by | n uint32 | n × meter uint32
//	revoked     32 | id 10 bytes | at
//	used        33 | day | n uint32 | n × id 10 bytes
//
// A time that is none is 0.

// CredentialMetersMax is how many meters a credential can name. A head-end of more has a
// credential for all.
const CredentialMetersMax = 10_000

// credentialID is the id of a credential, which callers see as text.
type credentialID [10]byte

var credentialIDs = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

func parseCredentialID(text string) (id credentialID, ok bool) {
	if len(text) != meter.CredentialIDLength {
		return id, false
	}
	n, err := credentialIDs.Decode(id[:], []byte(text))
	return id, err == nil && n == len(id)
}

func (id credentialID) String() string { return credentialIDs.EncodeToString(id[:]) }

// mustID is parseCredentialID for an id that was looked at before.
func mustID(text string) credentialID {
	id, ok := parseCredentialID(text)
	if !ok {
		panic(fmt.Sprintf("BUG: a credential has the id %q", text))
	}
	return id
}

// AppendCredential adds the issue of a credential to a batch, with the meters of its scope.
func AppendCredential(b []byte, c meter.Credential, meters []Index) []byte {
	return appendCredential(append(b, byte(kindCredential)), &credential{
		id: mustID(c.ID), sha256: c.SHA256, role: c.Role, isCertificate: c.IsCertificate, isAll: c.Scope.IsAll,
		from: c.Scope.From, until: c.Scope.Until, createdAt: unixOf(c.CreatedAt), expiresAt: unixOf(c.ExpiresAt),
		label: c.Label, by: c.By, meters: meters,
	})
}

func appendCredential(b []byte, c *credential) []byte {
	b = append(append(append(b, c.id[:]...), c.sha256[:]...), byte(c.role))
	b = appendFlag(appendFlag(b, c.isCertificate), c.isAll)
	for _, number := range []int64{int64(c.from), int64(c.until), c.createdAt, c.expiresAt} {
		b = binary.BigEndian.AppendUint64(b, uint64(number))
	}
	b = appendText(appendText(b, c.label), c.by)
	b = binary.BigEndian.AppendUint32(b, uint32(len(c.meters)))
	for _, i := range c.meters {
		b = binary.BigEndian.AppendUint32(b, uint32(i))
	}
	return b
}

func (d *decoder) credential() *credential {
	c := &credential{
		id: credentialID(d.take(len(credentialID{}))), sha256: [32]byte(d.take(32)), role: meter.Role(d.uint8()),
		isCertificate: d.flag(), isAll: d.flag(), from: d.instant(), until: d.instant(),
		createdAt: int64(d.uint64()), expiresAt: int64(d.uint64()), label: d.text(), by: d.text(),
	}
	for range d.items {
		c.meters = append(c.meters, d.meter())
	}
	if !c.role.IsValid() {
		d.fail(fmt.Errorf("a credential of role %d is not known to this version: %w", c.role, ErrNewer))
	}
	return c
}

func (c *credential) effect(s *Store) Verdict {
	_, idTaken := s.credentialByID(c.id)
	_, hashTaken := s.credentialByHash(c.sha256)
	if idTaken || hashTaken {
		return Verdict{Outcome: CredentialExists}
	}
	s.keepCredential(c)
	return Verdict{Outcome: Accepted}
}

// revocation ends a credential.
type revocation struct {
	id credentialID
	at int64 // Unix seconds
}

// AppendRevoked adds to a batch that a credential does not count any more.
func AppendRevoked(b []byte, id string, at time.Time) []byte {
	raw := mustID(id)
	return appendTime(append(append(b, byte(kindRevoked)), raw[:]...), at)
}

func (d *decoder) revocation() revocation {
	return revocation{credentialID(d.take(len(credentialID{}))), int64(d.uint64())}
}

func (r revocation) effect(s *Store) Verdict {
	n, known := s.credentialByID(r.id)
	if !known {
		return Verdict{Outcome: NoCredential}
	}
	c := *s.credentials.all.at(n)
	switch {
	case c.revokedAt != 0:
		return Verdict{Outcome: Duplicate}
	case c.role == meter.RoleOperator && c.isLive(r.at) && !s.hasOtherOperator(n, r.at):
		return Verdict{Outcome: LastOperator}
	}
	c.revokedAt = max(r.at, 1)
	s.replaceCredential(n, &c)
	return Verdict{Outcome: Accepted}
}

// hasOtherOperator reports whether a credential of an operator but one counts at a time.
func (s *Store) hasOtherOperator(but Index, at int64) bool {
	return slices.ContainsFunc(s.operators, func(n Index) bool { return n != but && s.credentials.all.at(n).isLive(at) })
}

// uses is of which credentials somebody made use on a day.
type uses struct {
	day meter.Day
	ids []credentialID
}

// AppendUsed adds to a batch on which day credentials were used, at most CredentialsUsedMax.
func AppendUsed(b []byte, day meter.Day, ids []string) []byte {
	b = appendDay(append(b, byte(kindUsed)), day)
	b = binary.BigEndian.AppendUint32(b, uint32(len(ids)))
	for _, id := range ids {
		raw := mustID(id)
		b = append(b, raw[:]...)
	}
	return b
}

// CredentialsUsedMax is how many uses are one entry: Apply lets nobody in while it takes one.
const CredentialsUsedMax = 1024

func (d *decoder) uses() uses {
	u := uses{day: d.day()}
	for range d.items {
		u.ids = append(u.ids, credentialID(d.take(len(credentialID{}))))
	}
	return u
}

// effect keeps the latest day of each. A credential that is not known is left out.
func (u uses) effect(s *Store) Verdict {
	day := packDay(u.day)
	for _, id := range u.ids {
		if n, known := s.credentialByID(id); known && day > s.credentials.used.at(n) {
			s.useCredential(n, day)
		}
	}
	s.reader.yieldAt -= len(u.ids) // each takes as long as a reading
	return Verdict{Outcome: Accepted}
}
