package rest

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"meterledger/api"
	"meterledger/internal/access"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
	"meterledger/internal/query"
	"meterledger/internal/rules"
)

type issueRequest struct {
	Role        meter.Role    `param:"role,required"`
	Meters      access.Meters `param:"meters,list"`
	From        string        `param:"from"`
	Until       string        `param:"until"`
	ExpiresAt   string        `param:"expires_at"`
	Label       string        `param:"label" validate:"omitempty,text,seen"`
	Certificate fingerprint   `param:"certificate_sha256"`
}

// Check makes sure that the rules hold.
func (q *issueRequest) Check() error { return rules.Check(q) }

// fingerprint is the SHA-256 of a certificate in DER; zero if none is given.
type fingerprint [32]byte

// UnmarshalText reads hexadecimal digits, also with the colons that openssl prints.
func (f *fingerprint) UnmarshalText(text []byte) error {
	digits := strings.ReplaceAll(string(text), ":", "")
	b, err := hex.DecodeString(digits)
	if err != nil || len(b) != len(f) || fingerprint(b) == (fingerprint{}) {
		return fmt.Errorf("must be %d hexadecimal digits, which openssl x509 -fingerprint -sha256 prints after the =", 2*len(f))
	}
	*f = fingerprint(b)
	return nil
}

// issueCredential makes a credential. Its secret is in this answer and nowhere else.
func (a *app) issueCredential(ctx context.Context, q *issueRequest) (api.CredentialIssued, error) {
	c, err := a.newCredential(ctx, q)
	if err != nil {
		return api.CredentialIssued{}, err
	}
	var token *string
	if !c.IsCertificate {
		token = new(string)
		*token, c.SHA256 = access.NewToken(c.Role)
	}
	if err := a.ledger.Issue(ctx, c); err != nil {
		return api.CredentialIssued{}, err
	}
	httpkit.Note(ctx, "credential_id", c.ID)
	issued, err := a.reader.Credential(c.ID)
	if err != nil {
		return api.CredentialIssued{}, err
	}
	return api.CredentialIssued{Token: token, Credential: a.describeCredential(issued)}, nil
}

// newCredential is a credential that has no secret yet, unless it is a certificate.
func (a *app) newCredential(ctx context.Context, q *issueRequest) (c meter.Credential, err error) {
	var times [3]meter.Instant
	for i, given := range []struct{ name, text string }{{"from", q.From}, {"until", q.Until}, {"expires_at", q.ExpiresAt}} {
		if times[i], err = a.instantOrDate(given.name, given.text); err != nil {
			return c, err
		}
	}
	c = meter.Credential{
		ID: meter.NewCredentialID(), Role: q.Role, SHA256: q.Certificate, IsCertificate: q.Certificate != fingerprint{},
		Label: q.Label, By: httpkit.CallerOf(ctx).Name(),
	}
	if times[2] != 0 {
		c.ExpiresAt = a.zone.TimeOf(times[2])
	}
	c.Scope, err = access.NewScope(q.Role, q.Meters, times[0], times[1])
	return c, err
}

// instantOrDate reads a time of any second, or a date, which is its 00:00; 0 if it is not given.
func (a *app) instantOrDate(name, text string) (meter.Instant, error) {
	if text == "" {
		return 0, nil
	}
	return a.zone.ParseInstantOrDate(name, text)
}

func (a *app) describeCredential(c *meter.Credential) api.Credential {
	answer := api.Credential{
		CredentialID: c.ID, Role: c.Role.String(), Meters: access.Names(&c.Scope), From: a.instant(c.Scope.From), Until: a.instant(c.Scope.Until),
		Label: known(c.Label), CreatedAt: a.zone.StampTime(c.CreatedAt), By: known(c.By),
		ExpiresAt: a.time(c.ExpiresAt), RevokedAt: a.time(c.RevokedAt),
	}
	if c.IsCertificate {
		answer.CertificateSHA256 = new(hex.EncodeToString(c.SHA256[:]))
	}
	if c.LastUse != (meter.Day{}) {
		answer.LastUsed = new(c.LastUse.String())
	}
	return answer
}

// instant returns an instant as text, and nil for none.
func (a *app) instant(at meter.Instant) *string {
	if at == 0 {
		return nil
	}
	return new(a.stampAt(at))
}

// time returns a time as text, and nil for none.
func (a *app) time(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return new(a.zone.StampTime(t))
}

type credentialsRequest struct {
	Meter    meter.ID     `param:"meter_id"`
	Role     meter.Role   `param:"role"`
	PageSize pageSize     `param:"page_size"`
	Cursor   credentialID `param:"cursor"`
}

// credentials lists what was issued, the oldest first. The cursor of a page is the id of the
// last one on the page before.
func (a *app) credentials(w http.ResponseWriter, r *http.Request, q *credentialsRequest) error {
	if err := a.pages.take(r, q.PageSize.bytes()); err != nil {
		return err
	}
	defer a.pages.give(r, q.PageSize.bytes())
	page, err := a.reader.Credentials(query.CredentialsQuery{Meter: q.Meter, Role: q.Role, After: string(q.Cursor), PageSize: q.PageSize.orDefault()})
	if errors.Is(err, query.ErrNoCredential) {
		err = meter.Invalid(meter.CodeInvalidParameter, "cursor", "%v", errForeignCursor)
	}
	if err != nil {
		return err
	}
	answer := api.Credentials{Count: len(page.Credentials), Results: make([]api.Credential, 0, len(page.Credentials))}
	for _, c := range page.Credentials {
		answer.Results = append(answer.Results, a.describeCredential(c))
	}
	if page.More {
		answer.Next = &answer.Results[len(answer.Results)-1].CredentialID
		linkNext(w, r, *answer.Next)
	}
	httpkit.WriteJSON(w, http.StatusOK, answer)
	return nil
}

type credentialID string

// UnmarshalText makes sure that it can be one.
func (c *credentialID) UnmarshalText(text []byte) error {
	if !meter.IsCredentialID(string(text)) {
		return fmt.Errorf("must be %d of a-z and 2-7", meter.CredentialIDLength)
	}
	*c = credentialID(text)
	return nil
}

type revokeRequest struct {
	Credential credentialID `path:"credential_id"`
}

func (a *app) revokeCredential(ctx context.Context, q *revokeRequest) (api.ChangeRecorded, error) {
	return api.ChangeRecorded{Success: true, Message: "The credential was revoked"},
		a.ledger.Revoke(ctx, string(q.Credential), httpkit.CallerOf(ctx).Name())
}

// whoami tells callers as whom they are known.
func (a *app) whoami(ctx context.Context, _ *noParameters) (api.Caller, error) {
	c := httpkit.CallerOf(ctx)
	return api.Caller{
		CredentialID: known(c.Credential), Role: c.Role.String(), Label: known(c.Label),
		Meters: access.Names(&c.Scope), From: a.instant(c.Scope.From), Until: a.instant(c.Scope.Until),
	}, nil
}

// author returns who is written down for a change. With access on the credential says it, and
// what is given is refused: nobody signs with another's name.
func author(ctx context.Context, given string) (string, error) {
	caller := httpkit.CallerOf(ctx)
	if caller.Credential == "" {
		return given, nil
	}
	if given != "" {
		return "", meter.Invalid(meter.CodeInvalidParameter, "by", "is not taken with access on: the credential says who asks")
	}
	return caller.Name(), nil
}
