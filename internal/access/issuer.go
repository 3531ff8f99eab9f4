package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"meterledger/internal/meter"
)

const (
	// issuerPatience is the longest that an answer of the issuer may take.
	issuerPatience = 5 * time.Second

	// keysFor is how long the issuer's keys are believed without looking whether one was
	// withdrawn. Keys that are new are fetched at their first token.
	keysFor = time.Hour
)

// algorithms are the signatures that are taken: none of them is made with a shared secret.
var algorithms = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA,
}

// Issuer knows the JWTs of one OIDC issuer (OpenID Connect Core 1.0, Discovery 1.0). It asks the
// issuer for its keys with the first JWT, and again when it was away, has new keys, or an hour is over.
type Issuer struct {
	url, audience string
	zone          *meter.Zone
	now           func() time.Time
	asking        context.Context // has the client that the issuer is asked with

	keys        atomic.Pointer[issuerKeys]
	discovering sync.Mutex // held while the issuer is asked where its keys are
}

type issuerKeys struct {
	remote *oidc.RemoteKeySet
	until  time.Time
}

// NewIssuer returns the issuer at a URL. Its JWTs must be made for an audience.
func NewIssuer(url, audience string, zone *meter.Zone, now func() time.Time, log *slog.Logger) *Issuer {
	client := &http.Client{Transport: &politeTransport{now: now, log: log, asked: make(map[string]asks)}, Timeout: issuerPatience}
	return &Issuer{url: url, audience: audience, zone: zone, now: now, asking: oidc.ClientContext(context.Background(), client)}
}

// isJWT reports whether a secret has the three parts of a signed JWT (RFC 7515).
func isJWT(secret string) bool { return strings.Count(secret, ".") == 2 }

// caller returns who holds a JWT.
func (i *Issuer) caller(ctx context.Context, jwt string) (meter.Caller, *meter.Error) {
	remote, err := i.remote()
	if err != nil {
		return meter.Caller{}, errIssuerAway
	}
	keys := &recordingKeys{remote, nil}
	token, err := oidc.NewVerifier(i.url, keys, &oidc.Config{ClientID: i.audience, SupportedSigningAlgs: algorithms, Now: i.now}).Verify(ctx, jwt)
	if errors.Is(keys.failure, errAway) || ctx.Err() != nil {
		return meter.Caller{}, errIssuerAway
	}
	if err != nil || !i.now().Before(token.Expiry) {
		return meter.Caller{}, refused("the JWT is not one of the issuer for this audience, or has expired")
	}
	return i.callerOf(token)
}

var errIssuerAway = meter.Unavailable(meter.CodeNotReady, failurePause, "the OIDC issuer cannot be asked for its keys at present")

// remote returns the issuer's keys. If they are old and the issuer is away, it goes on with them.
func (i *Issuer) remote() (*oidc.RemoteKeySet, error) {
	known, now := i.keys.Load(), i.now()
	if known != nil && now.Before(known.until) {
		return known.remote, nil
	}
	if known == nil {
		i.discovering.Lock()
	} else if !i.discovering.TryLock() {
		return known.remote, nil
	}
	defer i.discovering.Unlock()
	if newer := i.keys.Load(); newer != known {
		return newer.remote, nil
	}
	var found struct {
		Keys string `json:"jwks_uri"`
	}
	provider, err := oidc.NewProvider(i.asking, i.url)
	if err == nil {
		err = provider.Claims(&found)
	}
	switch {
	case err == nil:
		i.keys.Store(&issuerKeys{oidc.NewRemoteKeySet(i.asking, found.Keys), now.Add(keysFor)})
		return i.keys.Load().remote, nil
	case known != nil:
		i.keys.Store(&issuerKeys{known.remote, now.Add(time.Minute)})
		return known.remote, nil
	}
	return nil, err
}

// recordingKeys keeps the failure of a verification, which the verifier returns as text only.
type recordingKeys struct {
	*oidc.RemoteKeySet

	failure error
}

// VerifySignature makes recordingKeys an oidc.KeySet.
func (k *recordingKeys) VerifySignature(ctx context.Context, jwt string) (payload []byte, err error) {
	payload, err = k.RemoteKeySet.VerifySignature(ctx, jwt)
	k.failure = err
	return payload, err
}

// claims are what a JWT says of its holder, beside what OpenID Connect says itself.
type claims struct {
	Role   meter.Role `json:"meterledger_role"`
	Meters Meters     `json:"meterledger_meters"`
	From   string     `json:"meterledger_from"`
	Until  string     `json:"meterledger_until"`
}

func (i *Issuer) callerOf(token *oidc.IDToken) (meter.Caller, *meter.Error) {
	var c claims
	err := token.Claims(&c)
	if err == nil && !c.Role.IsValid() {
		err = errors.New("is missing")
	}
	if err != nil {
		return meter.Caller{}, refused("the claims of the JWT must have meterledger_role, one of the four roles, and meterledger_meters, a list or *")
	}
	scope, err := i.scopeOf(c)
	if err != nil {
		return meter.Caller{}, refused("the claims of the JWT: meterledger_%v", err)
	}
	return meter.Caller{Role: c.Role, Credential: nameOf(token.Subject), Scope: scope}, nil
}

func (i *Issuer) scopeOf(c claims) (scope meter.Scope, err error) {
	var from, until meter.Instant
	if c.From != "" {
		from, err = i.zone.ParseInstant("from", c.From)
	}
	if err == nil && c.Until != "" {
		until, err = i.zone.ParseInstant("until", c.Until)
	}
	if err != nil {
		return scope, err
	}
	return NewScope(c.Role, c.Meters, from, until)
}

// nameOf returns the name of a subject as it is written down. One that is long, or that a person
// cannot read, is named by its hash.
func nameOf(subject string) string {
	const prefix = "oidc:"
	if len(subject) > 64 || !meter.ValidText(subject) || !meter.ShowsItself(subject) {
		return fmt.Sprintf("%ssha256:%x", prefix, sha256.Sum256([]byte(subject)))
	}
	return prefix + subject
}
