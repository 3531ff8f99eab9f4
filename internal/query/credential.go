package query

import (
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// ErrNoCredential is of a credential that was never issued.
var ErrNoCredential = meter.NotFound(meter.CodeNotFound, "the credential does not exist")

// Credential returns a credential, also one that does not count any more.
func (q *Reader) Credential(id string) (*meter.Credential, error) {
	c, found := q.store.CredentialByID(id)
	if !found {
		return nil, ErrNoCredential
	}
	return c, nil
}

// CredentialsQuery asks for a page of the credentials, in the order in which they were issued.
type CredentialsQuery struct {
	Meter    meter.ID   // only those that name this meter; empty is all
	Role     meter.Role // only those of this role; NoRole is all
	After    string     // the id of the last one on the page before; empty for the first page
	PageSize int
}

// CredentialsPage is a part of the credentials.
type CredentialsPage struct {
	Credentials []*meter.Credential
	More        bool // there is a page after it
}

// Credentials returns a page of credentials. If the one that it is to come after was never issued,
// the error is ErrNoCredential.
func (q *Reader) Credentials(ask CredentialsQuery) (page CredentialsPage, err error) {
	if ask.After != "" {
		_, err = q.Credential(ask.After)
	}
	if err == nil && ask.Meter != "" {
		_, err = q.find(ask.Meter)
	}
	if err != nil {
		return page, err
	}
	for c := range q.store.Credentials(store.CredentialFilter{After: ask.After, Meter: ask.Meter, Role: ask.Role}) {
		if len(page.Credentials) == ask.PageSize {
			page.More = true
			break
		}
		page.Credentials = append(page.Credentials, c)
	}
	return page, nil
}
