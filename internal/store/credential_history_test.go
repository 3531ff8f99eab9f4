package store

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"reflect"
	"slices"
	"time"

	"meterledger/internal/meter"
)

// testCredential makes one of a number, which has an id and a hash of its own.
func testCredential(n int) meter.Credential {
	var id credentialID
	binary.BigEndian.PutUint64(id[2:], uint64(n))
	return meter.Credential{
		ID: id.String(), Role: meter.RoleOperator + meter.Role(n%4), SHA256: sha256.Sum256(id[:]), IsCertificate: n%2 == 0,
		Scope: meter.Scope{IsAll: n%4 != 3}, CreatedAt: time.Unix(1000, 0),
	}
}

// testCredentials is how many credentials a history has, so that many entries are of one that is there.
const testCredentials = 6

// credential draws the issue, a use or the end of one of few credentials.
func (h *historian) credential() entry {
	c := testCredential(h.between(0, testCredentials-1))
	at := time.Unix(1000+h.Int64N(100), 0)
	switch pick(h, "issue", "use", "revoke") {
	case "use":
		ids := []string{c.ID, testCredential(h.between(0, testCredentials-1)).ID}
		day := meter.Day{Year: 2026, Month: time.Month(h.between(1, 12)), Day: h.between(1, 28)}
		return entry{AppendUsed(nil, day, ids), func(m *model) []Verdict { return one(m.use(day, ids)) }}
	case "revoke":
		c = testCredential(4 * h.between(0, 1)) // mostly an operator's
		if h.between(0, 3) == 0 {
			c = testCredential(h.between(0, testCredentials-1))
		}
		return entry{AppendRevoked(nil, c.ID, at), func(m *model) []Verdict { return one(m.revoke(c.ID, at)) }}
	}
	if h.between(0, 3) == 0 { // the id or the hash is that of another
		other := testCredential(h.between(0, testCredentials-1))
		c.ID = pick(h, c.ID, other.ID)
		c.SHA256 = pick(h, c.SHA256, other.SHA256)
	}
	if h.between(0, 2) == 0 {
		c.ExpiresAt = at
	}
	var meters []Index
	if !c.Scope.IsAll {
		first := h.meter()
		meters = []Index{first}
		if other := h.meter(); other != first && h.between(0, 1) == 0 {
			meters = append(meters, other)
		}
		for _, i := range meters {
			c.Scope.Meters = append(c.Scope.Meters, h.s.Account(i).ID)
		}
		slices.Sort(c.Scope.Meters)
		c.Scope.From, c.Scope.Until = meter.Instant(h.between(0, 1)*1000), meter.Instant(h.between(0, 1)*2000)
	}
	c.Label, c.By = pick(h, "", "Block 7"), pick(h, "", "Ann")
	return entry{AppendCredential(nil, c, meters), func(m *model) []Verdict { return one(m.issue(c)) }}
}

func (m *model) issue(c meter.Credential) Verdict {
	for _, known := range m.credentials {
		if known.ID == c.ID || known.SHA256 == c.SHA256 {
			return Verdict{Outcome: CredentialExists}
		}
	}
	m.credentials = append(m.credentials, c)
	return Verdict{}
}

func (m *model) credential(id string) *meter.Credential {
	for n := range m.credentials {
		if m.credentials[n].ID == id {
			return &m.credentials[n]
		}
	}
	return nil
}

func (m *model) use(day meter.Day, ids []string) Verdict {
	for _, id := range ids {
		if c := m.credential(id); c != nil && c.LastUse.Compare(day) < 0 {
			c.LastUse = day
		}
	}
	return Verdict{}
}

func (m *model) revoke(id string, at time.Time) Verdict {
	c := m.credential(id)
	switch {
	case c == nil:
		return Verdict{Outcome: NoCredential}
	case !c.RevokedAt.IsZero():
		return Verdict{Outcome: Duplicate}
	}
	operators := 0
	for _, known := range m.credentials {
		if known.Role == meter.RoleOperator && known.IsLive(at) {
			operators++
		}
	}
	if c.Role == meter.RoleOperator && c.IsLive(at) && operators == 1 {
		return Verdict{Outcome: LastOperator}
	}
	c.RevokedAt = at
	return Verdict{}
}

func (m *model) wantSameCredentials(t fataler, s *Store) {
	n := 0
	for got := range s.Credentials(CredentialFilter{}) {
		if n >= len(m.credentials) || !reflect.DeepEqual(*got, m.credentials[n]) {
			t.Fatalf("credential %d is %+v, not one of %+v", n, *got, m.credentials)
		}
		byHash, _ := s.Credential(got.SHA256)
		byID, _ := s.CredentialByID(got.ID)
		if !reflect.DeepEqual(byHash, got) || byID != byHash {
			t.Fatalf("credential %d is %+v by its hash, %+v by its id", n, byHash, byID)
		}
		n++
	}
	if n != len(m.credentials) {
		t.Fatalf("there are %d credentials, not %d", n, len(m.credentials))
	}
}

// change is who lives behind a meter from an instant on.
type change struct {
	at            meter.Instant
	name, address string
}

// owner draws a change of an owner, now and then to who lives there already.
func (h *historian) owner() entry {
	i, c := h.meter(), change{meter.Instant(1000 + h.between(0, 100)), pick(h, "", "Tan", "Lim"), pick(h, "", "Road", "Lane")}
	return entry{AppendOwner(nil, i, c.at, c.name, c.address), func(m *model) []Verdict { return one(m.own(i, c)) }}
}

func (m *model) own(i Index, c change) Verdict {
	all := m.accounts[i]
	if len(all) == 0 {
		all = []change{{-1 << 62, "Tan", "Road"}} // as each account of a history is registered
	}
	last := all[len(all)-1]
	c.name, c.address = cmp.Or(c.name, last.name), cmp.Or(c.address, last.address)
	if last.name == c.name && last.address == c.address {
		return Verdict{Outcome: Duplicate}
	}
	c.at = max(c.at, last.at)
	m.accounts[i] = append(all, c)
	return Verdict{}
}

func (m *model) wantSameOwners(t fataler, s *Store) {
	for i, all := range m.accounts {
		for at := meter.Instant(999); at <= 1101; at++ {
			want := all[0]
			for _, c := range all {
				if c.at <= at {
					want = c
				}
			}
			if got := s.AccountAt(i, at); got.OwnerName != want.name || got.Address != want.address {
				t.Fatalf("the owner of meter %d at %d was %+v, not %+v", i, at, got, want)
			}
		}
		if got, want := s.Account(i), all[len(all)-1]; got.OwnerName != want.name || got.Address != want.address {
			t.Fatalf("the owner of meter %d is %+v, not %+v", i, got, want)
		}
	}
}
