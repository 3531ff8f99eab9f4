package maintenance

import (
	"errors"
	"net/http"

	"meterledger/api"
	"meterledger/internal/client"
	"meterledger/internal/meter"
)

const authorization = "Authorization"

// passedOn is the credential of a caller, for what is asked of the api for that caller: its headers
// as they came in. A client certificate cannot be passed on.
func passedOn(r *http.Request) client.Credential {
	sent := http.Header{}
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
