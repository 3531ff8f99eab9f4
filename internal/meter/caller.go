package meter

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Role is what a caller may do. Each route names the roles that it is for.
type Role uint8

// The roles. NoRole is of a caller who sent no credential.
const (
	NoRole        Role = iota
	RoleOperator       // everything
	RoleAuditor        // reads everything and changes nothing
	RoleMeter          // sends readings of its meters: one, a list, or all as a head-end does
	RoleHousehold      // asks about its meters, one at a time, within its time
)

var roleNames = []string{RoleOperator: "operator", RoleAuditor: "auditor", RoleMeter: "meter", RoleHousehold: "household"}

// ParseRole reads a role's name.
func ParseRole(name string) (Role, error) {
	if role := slices.Index(roleNames, name); role > 0 {
		return Role(role), nil
	}
	return NoRole, fmt.Errorf("must be one of %s", strings.Join(roleNames[1:], ", "))
}

func (r Role) String() string {
	if !r.IsValid() {
		return "none"
	}
	return roleNames[r]
}

// IsValid reports whether r is one of the four roles.
func (r Role) IsValid() bool { return r > NoRole && int(r) < len(roleNames) }

// UnmarshalText is ParseRole.
func (r *Role) UnmarshalText(text []byte) (err error) {
	*r, err = ParseRole(string(text))
	return err
}

// Roles is a set of roles.
type Roles uint8

// The sets of roles that routes are for.
const (
	Operators Roles = 1 << RoleOperator
	Readers   Roles = Operators | 1<<RoleAuditor
	Homes     Roles = Readers | 1<<RoleHousehold // a question about one meter, whose scope it is cut to
	Senders   Roles = Operators | 1<<RoleMeter
	Members   Roles = Homes | Senders     // whoever has a credential
	Anyone    Roles = Members | 1<<NoRole // also without a credential
)

// Has reports whether a role is in the set.
func (rs Roles) Has(r Role) bool { return rs>>r&1 == 1 }

// Scope is which meters a credential is for, and of which time. It must not be changed once
// it is shared.
type Scope struct {
	IsAll  bool    // every meter, also one that is registered later
	Meters []ID    // else these, sorted
	From   Instant // 0: from the beginning
	Until  Instant // 0: without end
}

// Has reports whether a meter is within the scope.
func (s *Scope) Has(id ID) bool {
	if s.IsAll {
		return true
	}
	_, found := slices.BinarySearch(s.Meters, id)
	return found
}

// Cut returns the part of a window that lies within the scope, both ends included.
func (s *Scope) Cut(w Window) Window {
	if s.From > 0 {
		slot, onGrid := s.From.Slot()
		if !onGrid {
			slot++
		}
		w.From = max(w.From, slot)
	}
	if s.Until > 0 {
		slot, _ := s.Until.Slot()
		w.To = min(w.To, slot)
	}
	return w
}

// IsOpen reports whether the scope's time has begun and has not ended.
func (s *Scope) IsOpen(now Instant) bool { return s.From <= now && (s.Until == 0 || now <= s.Until) }

// Caller is who sent a request.
type Caller struct {
	Role       Role
	Credential string // the id of the credential; empty with access off, and of NoRole
	Label      string // of the credential
	Scope      Scope
}

// Name is what is written down of a caller who changes something: the label of the credential,
// or its id if it has none. It is empty with access off.
func (c *Caller) Name() string {
	if c.Label != "" {
		return c.Label
	}
	return c.Credential
}

// NetworkOf returns the addresses that count as one caller's: of IPv6 the /64 of addr, which one
// household or one machine has to itself, and of IPv4 addr alone.
func NetworkOf(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap()
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	network, _ := addr.Prefix(bits) // fails for no such number of bits
	return network
}

// Credential is what a caller proves with who it is: a token, or a certificate.
type Credential struct {
	ID            string // CredentialIDLength of a-z and 2-7, chosen at random
	Role          Role
	SHA256        [32]byte // of the token as it is sent, or of the certificate in DER
	IsCertificate bool
	Scope         Scope
	Label         string
	CreatedAt     time.Time
	ExpiresAt     time.Time // zero: never
	RevokedAt     time.Time // zero while it is not revoked
	By            string    // who made it; empty if nobody said
	LastUse       Day       // zero before the first; written down some seconds later
}

// CredentialIDLength is how many characters an id of a credential has.
const CredentialIDLength = 16

// NewCredentialID draws an id.
func NewCredentialID() string {
	return strings.ToLower(rand.Text()[:CredentialIDLength]) // of base32 (RFC 4648)
}

// IsCredentialID reports whether a text can be the id of a credential.
func IsCredentialID(text string) bool {
	return len(text) == CredentialIDLength && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz234567") == ""
}

// IsLive reports whether a credential counts at a time.
func (c *Credential) IsLive(now time.Time) bool {
	return c.RevokedAt.IsZero() && (c.ExpiresAt.IsZero() || now.Before(c.ExpiresAt))
}
