package access_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"meterledger/internal/access"
	"meterledger/internal/meter"
)

// keeper is a Keeper in memory.
type keeper struct {
	known    map[[sha256.Size]byte]*meter.Credential
	used     []string
	isCutOff bool // it knows no more than those
}

func (k *keeper) Credential(_ context.Context, sum [sha256.Size]byte) (*meter.Credential, bool) {
	c, ok := k.known[sum]
	return c, ok || !k.isCutOff
}

func (k *keeper) Used(c *meter.Credential, _ time.Time) { k.used = append(k.used, c.ID) }

// house is a door with its keeper, and a clock that the test sets.
type house struct {
	*access.Door
	keeper *keeper
	now    time.Time
}

func newHouse() *house {
	h := &house{keeper: &keeper{known: map[[sha256.Size]byte]*meter.Credential{}}, now: time.Date(2026, 11, 23, 10, 10, 0, 0, time.UTC)}
	h.Door = &access.Door{
		Came:    func(*http.Request) time.Time { return h.now },
		Address: func(r *http.Request) netip.Addr { return netip.MustParseAddrPort(r.RemoteAddr).Addr() },
	}
	h.Open(h.keeper)
	return h
}

// issue makes a credential of a role for meter A, and returns its token.
func (h *house) issue(role meter.Role, change func(*meter.Credential)) string {
	token, sum := access.NewToken(role)
	c := &meter.Credential{ID: meter.NewCredentialID(), Role: role, SHA256: sum, Label: "one", Scope: meter.Scope{Meters: []meter.ID{"A"}}}
	if change != nil {
		change(c)
	}
	h.keeper.known[c.SHA256] = c
	return token
}

func request(headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/whoami", nil)
	r.Header["Authorization"] = headers
	return r
}

// judge returns the role and the error of a request with Authorization headers.
func (h *house) judge(headers ...string) (meter.Caller, *meter.Error) {
	caller, err := h.Caller(request(headers...))
	fault, _ := err.(*meter.Error)
	return caller, fault
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func TestRightCredentialIsTakenInEveryForm(t *testing.T) {
	h := newHouse()
	for _, role := range []meter.Role{meter.RoleOperator, meter.RoleAuditor, meter.RoleMeter, meter.RoleHousehold} {
		token := h.issue(role, nil)
		for _, header := range []string{
			"Bearer " + token, "bearer " + token, "BEARER  " + token + " ", basic(token, ""), strings.Replace(basic(token, ""), "Basic", "bAsIc", 1),
		} {
			caller, err := h.judge(header)
			if err != nil || caller.Role != role || caller.Label != "one" || !caller.Scope.Has("A") || caller.Scope.Has("B") {
				t.Errorf("%s: %+v, %v", header, caller, err)
			}
		}
		if want := "ml" + role.String()[:1] + "_"; !strings.HasPrefix(token, want) || len(token) != access.TokenLength {
			t.Errorf("the token of an %s is %s", role, token)
		}
	}
	if len(h.keeper.used) != 20 {
		t.Errorf("%d uses were taken down", len(h.keeper.used))
	}
	if caller, err := h.judge(); err != nil || caller.Role != meter.NoRole {
		t.Errorf("without a credential: %+v, %v", caller, err)
	}
}

func TestWrongCredentialIsNobodys(t *testing.T) {
	h := newHouse()
	right := h.issue(meter.RoleOperator, nil)
	unknown, _ := access.NewToken(meter.RoleOperator)
	mistyped := []byte(right)
	mistyped[20] ^= 1
	expired := h.issue(meter.RoleMeter, func(c *meter.Credential) { c.ExpiresAt = h.now })
	revoked := h.issue(meter.RoleMeter, func(c *meter.Credential) { c.RevokedAt = h.now.Add(-time.Second) })
	for _, c := range []struct {
		headers []string
		detail  string
	}{
		{[]string{"Bearer " + unknown}, "the token is not known here"},
		{[]string{"Bearer " + expired}, "the token has expired"},
		{[]string{"Bearer " + revoked}, "the token was revoked"},
		{[]string{"Bearer " + string(mistyped)}, "the token is not whole: it has a wrong prefix, length or checksum"},
		{[]string{"Bearer mla_" + right[4:]}, "the token is not whole: it has a wrong prefix, length or checksum"},
		{[]string{"Bearer " + right + "A"}, "the token is not whole: it has a wrong prefix, length or checksum"},
		{[]string{"Bearer"}, "the token is not whole: it has a wrong prefix, length or checksum"},
		{[]string{"Bearer a.b.c"}, "tokens of an OIDC issuer are not taken here"},
		{[]string{basic(right, "secret")}, "the header Authorization must be Bearer and a token, or Basic with the token as user name and no password"},
		{[]string{basic("", right)}, "the header Authorization must be Bearer and a token, or Basic with the token as user name and no password"},
		{[]string{"Basic !"}, "the header Authorization must be Bearer and a token, or Basic with the token as user name and no password"},
		{[]string{right}, "the header Authorization must be Bearer and a token, or Basic with the token as user name and no password"},
		{[]string{"Digest " + right}, "the header Authorization must be Bearer and a token, or Basic with the token as user name and no password"},
		{[]string{""}, "the header Authorization must be Bearer and a token, or Basic with the token as user name and no password"},
		{[]string{"Bearer " + right, "Bearer " + right}, "the header Authorization is given 2 times; send one credential"},
	} {
		h.now = h.now.Add(10 * time.Second) // so that they are not too many
		caller, err := h.judge(c.headers...)
		if err == nil || err.Kind != meter.KindUnauthorized || err.Code != meter.CodeUnauthorized || err.Detail != c.detail || caller.Role != meter.NoRole {
			t.Errorf("%q: %+v, %v, want %s", c.headers, caller, err, c.detail)
		}
	}
	if len(h.keeper.used) > 0 {
		t.Errorf("a wrong credential counts as used: %v", h.keeper.used)
	}
}

func TestCredentialExpiresAtItsSecond(t *testing.T) {
	h := newHouse()
	token := h.issue(meter.RoleMeter, func(c *meter.Credential) { c.ExpiresAt = h.now.Add(time.Hour) })
	h.now = h.now.Add(time.Hour - time.Nanosecond)
	if _, err := h.judge("Bearer " + token); err != nil {
		t.Error(err)
	}
	h.now = h.now.Add(time.Nanosecond)
	if caller, err := h.judge("Bearer " + token); err == nil {
		t.Errorf("%+v", caller)
	}
}

func TestClientCertificateCountsIfNoHeaderIsSent(t *testing.T) {
	h := newHouse()
	certificate := &x509.Certificate{Raw: []byte("in DER")}
	h.issue(meter.RoleMeter, func(c *meter.Credential) { c.SHA256, c.IsCertificate = sha256.Sum256(certificate.Raw), true })
	r := request()
	r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{certificate, {Raw: []byte("its issuer")}}}
	if caller, err := h.Caller(r); err != nil || caller.Role != meter.RoleMeter {
		t.Errorf("%+v, %v", caller, err)
	}
	r.Header.Set("Authorization", "Bearer "+h.issue(meter.RoleAuditor, nil))
	if caller, err := h.Caller(r); err != nil || caller.Role != meter.RoleAuditor {
		t.Errorf("the header does not go before the certificate: %+v, %v", caller, err)
	}
	r.Header.Set("Authorization", "Bearer wrong")
	if caller, err := h.Caller(r); err == nil {
		t.Errorf("a wrong header is made good by a certificate: %+v", caller)
	}
	r = request()
	r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{Raw: []byte("its issuer")}}}
	if caller, err := h.Caller(r); err == nil || err.Error() != "the certificate is not known here" {
		t.Errorf("%+v, %v", caller, err)
	}
	r.TLS = &tls.ConnectionState{}
	if caller, err := h.Caller(r); err != nil || caller.Role != meter.NoRole {
		t.Errorf("TLS without a certificate: %+v, %v", caller, err)
	}
}

func TestDoorThatIsNotOpenKnowsNobodyYet(t *testing.T) {
	h := newHouse()
	token := h.issue(meter.RoleOperator, nil)
	closed := &access.Door{Came: h.Came, Address: h.Address}
	_, err := closed.Caller(request("Bearer " + token))
	if fault, ok := err.(*meter.Error); !ok || fault.Kind != meter.KindUnavailable || fault.Code != meter.CodeNotReady || fault.Reason != meter.ReasonStarting {
		t.Errorf("a right token: %v", err)
	}
	if _, err := closed.Caller(request("Bearer mlo_x")); err.Error() != "the token is not whole: it has a wrong prefix, length or checksum" {
		t.Errorf("junk: %v", err)
	}
	if caller, err := closed.Caller(request()); err != nil || caller.Role != meter.NoRole {
		t.Errorf("nobody: %+v, %v", caller, err)
	}
}

func TestManyWrongCredentialsOfAnAddressAreTooManyForAMinute(t *testing.T) {
	h := newHouse()
	right := h.issue(meter.RoleOperator, nil)
	send := func(from, header string) *meter.Error {
		r := request(header)
		r.RemoteAddr = from
		_, err := h.Caller(r)
		fault, _ := err.(*meter.Error)
		return fault
	}
	for n := range access.FailuresMax {
		if err := send("192.0.2.1:1000", "Bearer x"); err == nil || err.Kind != meter.KindUnauthorized {
			t.Fatalf("wrong credential %d: %v", n+1, err)
		}
		send("[2001:db8:0:1::1]:1000", "Bearer x")
	}
	h.now = h.now.Add(17 * time.Second)
	for from, want := range map[string]meter.Kind{
		"192.0.2.1:2000":         meter.KindTooMany,
		"192.0.2.2:2000":         meter.KindUnauthorized,
		"[2001:db8:0:1::2]:2000": meter.KindTooMany, // of the same network
		"[2001:db8:0:2::1]:2000": meter.KindUnauthorized,
	} {
		err := send(from, "Bearer x")
		if err == nil || err.Kind != want {
			t.Errorf("from %s: %v", from, err)
		}
		if want == meter.KindTooMany && (err.Code != meter.CodeRateLimited || err.RetryAfter != 43*time.Second) {
			t.Errorf("from %s: %+v", from, err)
		}
		if err := send(from, "Bearer "+right); err != nil {
			t.Errorf("a right credential from %s: %v", from, err)
		}
	}
	h.now = h.now.Add(43 * time.Second)
	if err := send("192.0.2.1:2000", "Bearer x"); err.Kind != meter.KindUnauthorized {
		t.Errorf("a minute later: %v", err)
	}
}

func TestCrowdOfAddressesSharesOneCount(t *testing.T) {
	h := newHouse()
	send := func(n int) meter.Kind {
		r := request("Bearer x")
		r.RemoteAddr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 1).String()
		_, err := h.Caller(r)
		return err.(*meter.Error).Kind
	}
	for n := range 10_000 + access.FailuresMax {
		if kind := send(n); kind != meter.KindUnauthorized {
			t.Fatalf("address %d: %v", n, kind)
		}
	}
	if kind := send(1_000_000); kind != meter.KindTooMany {
		t.Errorf("one more address: %v", kind)
	}
	if kind := send(5); kind != meter.KindUnauthorized {
		t.Errorf("an address that was there first: %v", kind)
	}
}

func TestTokensAndIDsAreNeverTheSame(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		token, sum := access.NewToken(meter.RoleMeter)
		id := meter.NewCredentialID()
		if sum != sha256.Sum256([]byte(token)) || !meter.IsCredentialID(id) || seen[token] || seen[id] {
			t.Fatalf("%s %s", token, id)
		}
		seen[token], seen[id] = true, true
	}
}

// BenchmarkDoor is what a token costs a request.
func BenchmarkDoor(b *testing.B) {
	h := newHouse()
	r := request("Bearer " + h.issue(meter.RoleMeter, nil))
	b.ReportAllocs()
	for b.Loop() {
		h.keeper.used = h.keeper.used[:0]
		if caller, err := h.Caller(r); err != nil || caller.Role != meter.RoleMeter {
			b.Fatal(err)
		}
	}
}

// TestWhatCannotBeLookedUpIsNotWrong: it does not count as a wrong credential either.
func TestWhatCannotBeLookedUpIsNotWrong(t *testing.T) {
	h := newHouse()
	known := h.issue(meter.RoleOperator, nil)
	unknown, _ := access.NewToken(meter.RoleOperator)
	h.keeper.isCutOff = true
	for range 2 * access.FailuresMax {
		_, err := h.Caller(request("Bearer " + unknown))
		if meter.CodeOf(err) != meter.CodeNotReady || meter.ReasonOf(err) != meter.ReasonNoQuorum {
			t.Fatalf("it was answered %v", err)
		}
	}
	if _, err := h.Caller(request("Bearer " + known)); err != nil {
		t.Error(err)
	}
}
