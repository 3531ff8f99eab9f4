package ledger

import (
	"context"
	"fmt"
	"slices"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// Issue makes a credential count, also while reception is shut down. CreatedAt is set here. An
// unknown meter of its scope is an error, and so is a hash that is known, also one of a credential
// that was revoked. When it returns nil, the credential is on disk.
func (l *Ledger) Issue(ctx context.Context, c meter.Credential) error {
	if err := l.shutForPeople(); err != nil {
		return err
	}
	return l.issue(ctx, c)
}

func (l *Ledger) issue(ctx context.Context, c meter.Credential) error {
	var meters []store.Index
	err := l.sure(ctx, func() (err error) {
		meters, err = l.metersOf(&c.Scope)
		return err
	})
	if err != nil {
		return err
	}
	c.CreatedAt = l.now()
	if !c.IsLive(c.CreatedAt) {
		return meter.Invalid(meter.CodeInvalidParameter, "expires_at", "does not lie in the future")
	}
	k := &commit{payload: store.AppendCredential(nil, c, meters), entries: 1, deferred: true, growth: store.CredentialGrowth(&c)}
	v, err := l.put(ctx, k, steady)
	switch {
	case err != nil:
		return err
	case v.Outcome == store.CredentialExists:
		return meter.Invalid(meter.CodeInvalidParameter, "certificate_sha256", "is that of another credential, which counts or was revoked")
	}
	l.log.Info("a credential was issued", "credential_id", c.ID, "role", c.Role.String(), "by", c.By)
	return nil
}

// metersOf finds the meters of a scope.
func (l *Ledger) metersOf(s *meter.Scope) ([]store.Index, error) {
	if len(s.Meters) > store.CredentialMetersMax {
		return nil, meter.Invalid(meter.CodeInvalidParameter, "meters", "are %d, at most %d are allowed: * is all", len(s.Meters), store.CredentialMetersMax)
	}
	indices := make([]store.Index, 0, len(s.Meters))
	for _, id := range s.Meters {
		m, err := l.lookup(id)
		if err != nil {
			return nil, err
		}
		indices = append(indices, m.Index)
	}
	slices.Sort(indices)
	return slices.Compact(indices), nil
}

// Credential finds a credential, also one that does not count any more, by the hash of its token or
// its certificate: nil if there is none. The caller must not change it. It reports whether that is known: it is not
// while too few of several nodes answer. That one was not revoked elsewhere is known for confirmedMax, but an
// operator must be able to mend what is wrong.
func (l *Ledger) Credential(ctx context.Context, sha256 [32]byte) (c *meter.Credential, isKnown bool) {
	c, found := l.store.Credential(sha256)
	if found {
		return c, c.Role == meter.RoleOperator || l.Staleness() <= confirmedMax
	}
	changed, err := l.confirm(ctx)
	if changed {
		c, _ = l.store.Credential(sha256)
	}
	return c, err == nil
}

// Revoke ends a credential, also while reception is shut down, and at once. One that was revoked
// before stays as it is. The last one of an operator that counts is not revoked, so that nobody
// locks everybody out. When it returns nil, that is on disk, and no node believes it any more.
func (l *Ledger) Revoke(ctx context.Context, id, by string) error {
	if !meter.IsCredentialID(id) {
		return unknownCredential(id)
	}
	v, err := l.ask(ctx, store.AppendRevoked(nil, id, l.now()), 1)
	if err != nil {
		return err
	}
	switch v.Outcome {
	case store.Accepted:
		l.log.Info("a credential was revoked", "credential_id", id, "by", by)
		l.everywhere(ctx)
		return nil
	case store.Duplicate:
		l.everywhere(ctx)
		return nil
	case store.NoCredential:
		return unknownCredential(id)
	case store.LastOperator:
		return meter.Invalid(meter.CodeInvalidParameter, "credential_id",
			"is that of the last operator's credential that counts: make another operator's credential first")
	default:
		panic(fmt.Sprintf("BUG: the store answered a revocation with outcome %d", v.Outcome))
	}
}

func unknownCredential(id string) error {
	return meter.NotFound(meter.CodeNotFound, "credential %s does not exist", id)
}
