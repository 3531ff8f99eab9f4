package node_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/node"
	"meterledger/internal/store"
)

// credentialAge is for how long after it was revoked a credential may count at other nodes: a node that could not ask
// for longer how far the others are answers it 503.
const credentialAge = 5 * time.Second

// credential is one of a meter, by the number of its caller and of what that has made.
type credential struct{ caller, number int }

func (c credential) id() string {
	id := []byte("aaaaaaaaaaaaaaaa")
	for i, n := len(id)-1, c.caller<<16|c.number; n > 0; i, n = i-1, n/26 {
		id[i] += byte(n % 26)
	}
	return string(id)
}

func (c credential) sha256() [32]byte { return sha256.Sum256([]byte(c.id())) }

func (c credential) in(s *store.Store) (found *meter.Credential, isLive bool) {
	found, known := s.CredentialByID(c.id())
	return found, known && found.RevokedAt.IsZero()
}

// issue is the request to make a credential.
type issue struct{ credential }

func (i issue) String() string { return "issue credential " + i.id() }

func (i issue) ask(ctx context.Context, n *node.Node) error {
	return n.Issue(ctx, meter.Credential{ID: i.id(), Role: meter.RoleMeter, SHA256: i.sha256(), Scope: meter.Scope{IsAll: true}, Label: "a head-end"})
}

func (i issue) stands(s *store.Store) bool {
	found, _ := i.in(s)
	return found != nil
}

func (i issue) isWrong(s *store.Store, _ meter.Code) bool { return i.stands(s) }

// revocation is the request to revoke a credential.
type revocation struct{ credential }

func (r revocation) String() string { return "revoke credential " + r.id() }

func (r revocation) ask(ctx context.Context, n *node.Node) error { return n.Revoke(ctx, r.id(), "") }

func (r revocation) stands(s *store.Store) bool {
	found, isLive := r.in(s)
	return found != nil && !isLive
}

func (r revocation) isWrong(s *store.Store, code meter.Code) bool {
	found, _ := r.in(s)
	return found == nil && code == meter.CodeNotFound
}

// showing is a request with a credential, as the door knows it.
type showing struct{ credential }

func (w showing) String() string { return "show credential " + w.id() }

func (w showing) ask(ctx context.Context, n *node.Node) error {
	c, isKnown := n.Ledger.Credential(ctx, w.sha256())
	switch {
	case !isKnown:
		return meter.Unavailable(meter.CodeNotReady, time.Second, "too few of the nodes answer")
	case c == nil || !c.RevokedAt.IsZero():
		return meter.Errorf(meter.KindUnauthorized, meter.CodeUnauthorized, "it is not known, or was revoked")
	}
	return nil
}

func (w showing) stands(s *store.Store) bool {
	_, isLive := w.in(s)
	return isLive
}

func (w showing) isWrong(s *store.Store, _ meter.Code) bool { return !w.stands(s) }

// moving is the request to set the address of a meter.
type moving struct {
	id      meter.ID
	address string
}

func (m moving) String() string { return fmt.Sprintf("move %s to %s", m.id, m.address) }

func (m moving) ask(ctx context.Context, n *node.Node) error {
	return n.SetOwner(ctx, m.id, "", m.address, "")
}

func (m moving) stands(s *store.Store) bool {
	at, known := s.Lookup(m.id)
	return known && s.Account(at.Index).Address == m.address
}

func (m moving) isWrong(s *store.Store, code meter.Code) bool { return isOfKnown(s, m.id, code) }

func (m moving) trace() []byte { return []byte(m.address) }

func (c *caller) drawMove(id meter.ID) request {
	c.tries++
	return moving{id, fmt.Sprintf("%d, Street %d", c.tries, c.number)}
}

// drawCredential draws something about a credential: of the caller's own ones, the newest is made, shown often, and
// revoked in the end.
func (c *caller) drawCredential() request {
	mine := credential{c.number, c.credentials}
	switch n := c.luck.IntN(10); {
	case c.credentials == 0 || n == 0:
		c.credentials++
		return issue{credential{c.number, c.credentials}}
	case n == 1:
		return revocation{mine}
	}
	if of := c.luck.IntN(4); c.luck.IntN(2) == 0 { // somebody else's, which may not be there
		mine = credential{of, 1}
	}
	return showing{mine}
}
