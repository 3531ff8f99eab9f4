package maintenance

import (
	"context"
	"errors"
	"net/http"

	"meterledger/api"
	"meterledger/internal/client"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// door asks the api who a caller is: the service keeps no credentials.
type door struct {
	api    *client.Client
	asking chan struct{} // has a token for each question under way
}

// askingMax bounds how many callers are asked about at once: wrong credentials cost the api no more.
const askingMax = 32

func newDoor(api *client.Client) *door { return &door{api, make(chan struct{}, askingMax)} }

// Caller returns who sent r, as the api says of the credential that r has, and a caller of
// NoRole if r has none. What the api refuses is passed on. Nobody is known while it is away, or
// asks for no credentials itself: then it would say of anything that it is an operator's.
func (d *door) Caller(r *http.Request) (meter.Caller, error) {
	if len(r.Header.Values(authorization)) == 0 {
		return meter.Caller{}, nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), watchEvery)
	defer cancel()
	is, err := d.ask(ctx, passedOn(r))
	if refused := refusalOf(err); refused != nil {
		return meter.Caller{}, refused
	}
	role := meter.NoRole
	if err == nil {
		role, err = meter.ParseRole(is.Role)
	}
	switch {
	case err != nil:
		return meter.Caller{}, meter.Unavailable(meter.CodeUpstream, retryAfter, "the api does not say who asks: %s", reason(err))
	case is.CredentialID == nil:
		return meter.Caller{}, meter.Unavailable(meter.CodeUpstream, retryAfter, "the api does not know who asks: it needs -auth on too")
	}
	return meter.Caller{Role: role, Credential: *is.CredentialID, Label: textOf(is.Label)}, nil
}

func (d *door) ask(ctx context.Context, credential client.Credential) (api.Caller, error) {
	select {
	case d.asking <- struct{}{}:
		defer func() { <-d.asking }()
		return d.api.With(credential).WhoAmI(ctx)
	case <-ctx.Done():
		return api.Caller{}, ctx.Err()
	}
}

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

const authorization = "Authorization"

// passedOn is the credential of a caller, for what is asked of the api for that caller: its headers
// as they came in, and the address that they came from, which the api believes of a trusted proxy.
// A client certificate cannot be passed on.
func passedOn(r *http.Request) client.Credential {
	sent := http.Header{}
	if from := httpkit.ClientAddr(r); from.IsValid() {
		sent.Set("X-Forwarded-For", from.String())
	}
	for _, value := range r.Header.Values(authorization) {
		sent.Add(authorization, value)
	}
	return func() (http.Header, error) { return sent, nil }
}

// refusalOf returns the api's refusal of whoever asked it, to be passed on, or nil.
func refusalOf(err error) *meter.Error {
	var p *api.Problem
	if !errors.As(err, &p) {
		return nil
	}
	kind, isRefusal := refusals[p.Code]
	if !isRefusal {
		return nil
	}
	return &meter.Error{Kind: kind, Code: p.Code, Detail: p.Detail, RetryAfter: p.RetryAfter}
}

var refusals = map[meter.Code]meter.Kind{
	meter.CodeUnauthorized: meter.KindUnauthorized,
	meter.CodeForbidden:    meter.KindForbidden,
	meter.CodeRateLimited:  meter.KindTooMany,
}
