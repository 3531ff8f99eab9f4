package ledger

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"meterledger/internal/durable"
	"meterledger/internal/meter"
)

// OperatorTokenName is the file of the data folder that holds the first operator's token.
const OperatorTokenName = "operator.token"

// OperatorTokenMax is how long that file may be, in bytes: far more than a token and what an editor
// puts around it.
const OperatorTokenMax = 4 << 10

// Tokens makes tokens, and knows them.
type Tokens struct {
	// Issuing, if there is one, is told the id of a credential before that is issued. After an error it is not.
	Issuing func(id string) error
	New     func(meter.Role) (token string, sha256 [32]byte)
	Sum     func(token string) (sha256 [32]byte, ok bool) // not ok for text that is no operator's token
}

// FirstOperator makes sure that there is an operator whose credential counts: without one it
// writes a token to a file of the data folder, which only the user of this program may read, and
// issues it. It returns the file's path, or "" if there is an operator.
//
// The token is safe on the disk before it is issued. If the program ends in between, the next
// start finds a token that is not known yet, and issues that one: nobody is locked out. On a full
// disk the error is disk_full, and the next start tries again.
func (l *Ledger) FirstOperator(ctx context.Context, tokens Tokens) (file string, err error) {
	if l.store.HasOperator(l.now()) {
		return "", nil
	}
	if changed, err := l.confirm(ctx); err != nil || changed && l.store.HasOperator(l.now()) {
		return "", err
	}
	file = l.fs.PathJoin(l.folder, OperatorTokenName)
	sum, waits, err := l.waitingToken(file, tokens)
	if err != nil {
		return "", err
	}
	if !waits {
		var token string
		token, sum = tokens.New(meter.RoleOperator)
		_ = l.fs.Remove(file) // else the new file would have the mode of what is there; an error is the next step's too
		err = durable.WriteFile(l.fs, file, func(w io.Writer) error {
			_, err := io.WriteString(w, token+"\n")
			return err
		})
	}
	if durable.IsFull(err) {
		return "", errDiskFull
	}
	if err != nil {
		return "", err
	}
	id := meter.NewCredentialID()
	if tokens.Issuing != nil {
		if err := tokens.Issuing(id); err != nil {
			return "", err
		}
	}
	return file, l.issue(ctx, meter.Credential{ID: id, Role: meter.RoleOperator, SHA256: sum, Scope: meter.Scope{IsAll: true}, Label: OperatorTokenName})
}

// waitingToken returns the hash of the token in a file, and whether it can be issued: it is an operator's token,
// and none that was issued before.
func (l *Ledger) waitingToken(file string, tokens Tokens) (sum [32]byte, waits bool, err error) {
	text, err := durable.ReadFile(l.fs, file, OperatorTokenMax)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, durable.ErrLonger) {
		return sum, false, nil
	}
	if err != nil {
		return sum, false, err
	}
	sum, isToken := tokens.Sum(strings.TrimSpace(string(text)))
	_, known := l.store.Credential(sum)
	return sum, isToken && !known, nil
}
