// Package issuertest is an OIDC issuer on loopback for tests: it has a discovery document and keys,
// signs JWTs, changes its keys, and goes away.
package issuertest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Audience is for whom Sign makes its JWTs, if the claims say nothing else.
const Audience = "meterledger"

// Issuer is a running issuer.
type Issuer struct {
	URL string
	t   testing.TB

	mu      sync.Mutex // guards the rest
	key     *ecdsa.PrivateKey
	keyID   string
	isAway  bool
	fetches int
}

// New starts an issuer, which stops at the end of the test.
func New(t testing.TB) *Issuer {
	i := &Issuer{t: t}
	i.Rotate()
	routes := http.NewServeMux()
	routes.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		i.answer(w, map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/keys", "id_token_signing_alg_values_supported": []string{"ES256"}})
	})
	routes.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		i.mu.Lock()
		i.fetches++
		keys := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &i.key.PublicKey, KeyID: i.keyID, Algorithm: "ES256", Use: "sig"}}}
		i.mu.Unlock()
		i.answer(w, keys)
	})
	server := httptest.NewServer(routes)
	t.Cleanup(server.Close)
	i.URL = server.URL
	return i
}

func (i *Issuer) answer(w http.ResponseWriter, body any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.isAway {
		http.Error(w, "away", http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(body); err != nil {
		i.t.Error(err)
	}
}

// Rotate withdraws the key and makes another.
func (i *Issuer) Rotate() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.key, i.keyID = key, rand.Text()
}

// SetAway makes the issuer fail, or answer again.
func (i *Issuer) SetAway(isAway bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.isAway = isAway
}

// Fetches returns how often the keys were asked for.
func (i *Issuer) Fetches() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetches
}

// Sign returns a JWT with claims. Those of issuer, audience and subject are the usual ones unless
// they are given; it expires an hour after now.
func (i *Issuer) Sign(now time.Time, claims map[string]any) string {
	all := map[string]any{"iss": i.URL, "aud": Audience, "sub": "a person", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	for name, value := range claims {
		all[name] = value
	}
	i.mu.Lock()
	key, keyID := i.key, i.keyID
	i.mu.Unlock()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: keyID}}, nil)
	if err != nil {
		i.t.Fatal(fmt.Errorf("a signer: %w", err))
	}
	signed, err := jwt.Signed(signer).Claims(all).Serialize()
	if err != nil {
		i.t.Fatal(fmt.Errorf("signing: %w", err))
	}
	return signed
}
