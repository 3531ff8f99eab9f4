package node

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"

	"meterledger/internal/durable"
	"meterledger/internal/ledger"
	"meterledger/internal/store"
)

// credentials tells how many there are, and what the file of the first operator's token is worth.
// It never tells the token.
func (v *verification) credentials(o Options) {
	issued, revoked := 0, 0
	for c := range v.store.Credentials(store.CredentialFilter{}) {
		if issued++; !c.RevokedAt.IsZero() {
			revoked++
		}
	}
	if issued > 0 {
		v.line("state    %d credentials, %d of them revoked", issued, revoked)
	}
	const name = ledger.OperatorTokenName
	text, err := durable.ReadFile(o.FS, o.FS.PathJoin(o.DataDir, name), ledger.OperatorTokenMax)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	switch c, known := v.store.Credential(sha256.Sum256(bytes.TrimSpace(text))); {
	case err != nil:
		v.tell(ledger.Finding{What: name, Err: err})
	case !known:
		v.line("note     %s: it is the token of no credential; a start with -auth on and without an operator issues it, or writes another if it is no token", name)
	case !c.RevokedAt.IsZero():
		v.line("note     %s: credential %s was revoked", name, c.ID)
	default:
		v.tell(ledger.Finding{What: name + ": the token of credential " + c.ID})
	}
}
