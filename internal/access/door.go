// Package access knows who asks: it makes tokens, and finds the caller of a request by the
// token, the client certificate or the JWT that the request has.
//
// It promises that whoever sends a wrong credential is nobody at all, that no secret is kept or
// told, and that text which has not the length of a credential costs no look-up.
package access

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/mutant"
)

// Keeper keeps the credentials.
type Keeper interface {
	// Credential returns the credential of a token or a certificate, live or not, and nil if there is none. It reports
	// whether that is known.
	Credential(ctx context.Context, sha256 [sha256.Size]byte) (c *meter.Credential, isKnown bool)
	// Used takes down that a credential counted at a time. It never waits.
	Used(*meter.Credential, time.Time)
}

// Door finds out who asks. It is safe for concurrent use, and may be asked before Open.
type Door struct {
	Came    func(*http.Request) time.Time  // when a request came: its credential must count then
	Address func(*http.Request) netip.Addr // of the caller, whose wrong credentials are counted
	Issuer  *Issuer                        // nil if JWTs are not taken

	keeper   atomic.Pointer[Keeper]
	failures failures
}

// Open says where the credentials are. Before it, requests with a credential are answered 503.
func (d *Door) Open(keeper Keeper) { d.keeper.Store(&keeper) }

// Caller returns who sent r, and a caller of NoRole if r has no credential. The error is a
// *meter.Error: unauthorized for a credential that is wrong, has expired or was revoked,
// rate_limited for one more than FailuresMax of those in a minute, not_ready while that cannot be
// known. A right credential is never answered rate_limited, whatever others sent from its address.
func (d *Door) Caller(r *http.Request) (meter.Caller, error) {
	caller, err := d.caller(r)
	if err == nil {
		return caller, nil
	}
	if err.Kind == meter.KindUnauthorized {
		if wait := d.failures.add(d.Address(r), d.Came(r)); wait > 0 {
			err = meter.Errorf(meter.KindTooMany, meter.CodeRateLimited,
				"this address sent more than %d wrong credentials in a minute", FailuresMax)
			err.RetryAfter = wait
		}
	}
	return meter.Caller{}, err
}

func (d *Door) caller(r *http.Request) (meter.Caller, *meter.Error) {
	switch sent := r.Header["Authorization"]; {
	case len(sent) > 1:
		return meter.Caller{}, refused("the header Authorization is given %d times; send one credential", len(sent))
	case len(sent) == 1:
		secret, ok := secretOf(r, sent[0])
		if !ok {
			return meter.Caller{}, refused("the header Authorization must be Bearer and a token, or Basic with the token as user name and no password")
		}
		return d.holder(r, secret)
	case r.TLS != nil && len(r.TLS.PeerCertificates) > 0:
		return d.find(r, sha256.Sum256(r.TLS.PeerCertificates[0].Raw), "certificate")
	}
	return meter.Caller{}, nil
}

// secretOf returns the secret within an Authorization header.
func secretOf(r *http.Request, header string) (secret string, ok bool) {
	scheme, rest, _ := strings.Cut(header, " ")
	if strings.EqualFold(scheme, "Bearer") {
		return strings.Trim(rest, " "), true
	}
	secret, password, ok := r.BasicAuth()
	return secret, ok && password == ""
}

// holder returns who holds a token or a JWT.
func (d *Door) holder(r *http.Request, secret string) (meter.Caller, *meter.Error) {
	if isJWT(secret) {
		if d.Issuer == nil {
			return meter.Caller{}, refused("tokens of an OIDC issuer are not taken here")
		}
		return d.Issuer.caller(r.Context(), secret)
	}
	sum, ok := sumOf(secret)
	if ok {
		caller, err := d.find(r, sum, "token")
		if err == nil || isWhole(secret) { // one that is known is whole
			return caller, err
		}
	}
	return meter.Caller{}, refused("the token is not whole: it has a wrong prefix, length or checksum")
}

// find returns the caller with a live credential of this hash.
func (d *Door) find(r *http.Request, sum [sha256.Size]byte, what string) (meter.Caller, *meter.Error) {
	keeper := d.keeper.Load()
	if keeper == nil {
		return meter.Caller{}, meter.Unavailable(meter.CodeNotReady, time.Second, "the api is starting and does not know its credentials yet").
			Because(meter.ReasonStarting)
	}
	c, isKnown := (*keeper).Credential(r.Context(), sum)
	came := d.Came(r)
	switch {
	case !isKnown:
		return meter.Caller{}, meter.Unavailable(meter.CodeNotReady, 2*time.Second, "too few of the nodes answer to tell whether the %s counts", what).
			Because(meter.ReasonNoQuorum)
	case c == nil || subtle.ConstantTimeCompare(sum[:], c.SHA256[:]) != 1:
		return meter.Caller{}, refused("the %s is not known here", what)
	case !c.RevokedAt.IsZero():
		return meter.Caller{}, refused("the %s was revoked", what)
	case !c.IsLive(came) && !mutant.ExpiryIgnored:
		return meter.Caller{}, refused("the %s has expired", what)
	}
	(*keeper).Used(c, came)
	return meter.Caller{Role: c.Role, Credential: c.ID, Label: c.Label, Scope: c.Scope}, nil
}

func refused(format string, args ...any) *meter.Error {
	return meter.Errorf(meter.KindUnauthorized, meter.CodeUnauthorized, format, args...)
}
