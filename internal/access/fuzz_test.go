package access_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"strings"
	"testing"

	"meterledger/internal/access"
	"meterledger/internal/meter"
)

// FuzzAuthorization sends any header: only the text of the token itself is the holder.
func FuzzAuthorization(f *testing.F) {
	h := newHouse()
	const token = "mlo_" // the rest is chosen at random
	right := h.issue(meter.RoleOperator, nil)
	for _, seed := range []string{
		"Bearer " + token, "bearer  " + token + " ", basic(token, ""), basic(token, "x"), "Basic", "Basic =", "", " ", "Bearer", "Digest a=b", "Bearer a.b.c", "Bearer mlo_" + strings.Repeat("A", 48), token,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		caller, err := h.judge(header)
		if err == nil && !strings.Contains(header, right) && header != basic(right, "") {
			t.Errorf("%q is taken: %+v", header, caller)
		}
		if err != nil && (caller.Role != meter.NoRole || err.Kind != meter.KindUnauthorized && err.Kind != meter.KindTooMany) {
			t.Errorf("%q: %+v, %v", header, caller, err)
		}
	})
}

// FuzzToken changes a token of which all is known but the secret.
func FuzzToken(f *testing.F) {
	h := newHouse()
	right := h.issue(meter.RoleMeter, nil)
	for _, seed := range []struct {
		at   uint8
		text string
	}{{0, "mlo_"}, {0, ""}, {4, "AAAA"}, {48, "----"}, {51, "="}, {52, "A"}, {10, "\n"}, {3, "\x00"}} {
		f.Add(seed.at, seed.text)
	}
	f.Fuzz(func(t *testing.T, at uint8, text string) {
		cut := min(int(at), len(right))
		changed := right[:cut] + text + right[min(cut+len(text), len(right)):]
		caller, err := h.judge("Bearer " + changed)
		if isRight := strings.Trim(changed, " ") == right; (err == nil) != isRight || !isRight && caller.Role != meter.NoRole {
			t.Errorf("%q: %+v, %v", changed, caller, err)
		}
	})
}

// FuzzJWT signs any claims rightly: a caller has a role and, if it is not for all, a list of ids.
func FuzzJWT(f *testing.F) {
	h, issuer := newIssuedHouse(f)
	right := issuer.Sign(h.now, map[string]any{"meterledger_role": "operator"})
	head, _, _ := strings.Cut(right, ".")
	for _, seed := range []string{
		"..", head + "..", head + ".e30.AAAA", "e30.e30.", "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJIUzI1NiIsImp3ayI6e319.e30.AA", "eyJhbGciOiJFUzI1NiIsImNyaXQiOlsiYiJdfQ.e30.AA", "eyJhbGciOiJSUzI1NiIsImtpZCI6W119.e30.AA",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, jwt string) {
		caller, err := h.judge("Bearer " + jwt)
		if err == nil && strings.Trim(jwt, " ") != right || err != nil && caller.Role != meter.NoRole {
			t.Errorf("%q: %+v, %v", jwt, caller, err)
		}
	})
}

// FuzzClaims signs any claims rightly: whoever they make has a role and fitting meters.
func FuzzClaims(f *testing.F) {
	h, issuer := newIssuedHouse(f)
	for _, seed := range [][4]string{
		{"operator", "", "", ""}, {"auditor", "*", "", ""}, {"meter", "A,B", "", ""}, {"household", "A", "2026-11-01T00:00:00", "2026-12-01T00:00:00Z"}, {"household", "*", "", ""}, {"root", "A", "x", "y"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	f.Fuzz(func(t *testing.T, role, meters, from, until string) {
		caller, err := h.judge("Bearer " + issuer.Sign(h.now, map[string]any{
			"meterledger_role": role, "meterledger_meters": strings.Split(meters, ","), "meterledger_from": from, "meterledger_until": until,
		}))
		s := caller.Scope
		switch {
		case err != nil:
			if caller.Role != meter.NoRole || s.IsAll || len(s.Meters) > 0 {
				t.Errorf("nobody has something: %+v", caller)
			}
		case caller.Role.String() != role,
			s.IsAll == (len(s.Meters) > 0),
			caller.Role == meter.RoleHousehold && s.IsAll,
			caller.Role != meter.RoleHousehold && (s.From != 0 || s.Until != 0),
			caller.Role < meter.RoleMeter && !s.IsAll:
			t.Errorf("%s %s %s %s: %+v", role, meters, from, until, caller)
		}
	})
}

// FuzzCertificate sends any certificate: only the one that is known counts.
func FuzzCertificate(f *testing.F) {
	h := newHouse()
	known := []byte("a certificate in DER")
	h.issue(meter.RoleMeter, func(c *meter.Credential) { c.SHA256 = sha256.Sum256(known) })
	f.Add(known)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, der []byte) {
		r := request()
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{Raw: der}}}
		if _, err := h.Caller(r); (err == nil) != (string(der) == string(known)) {
			t.Errorf("%q: %v", der, err)
		}
	})
}

// FuzzMeters reads any list of meters.
func FuzzMeters(f *testing.F) {
	for _, seed := range []string{"A", "A,B", "*", "A,*", ",", "B,A,B", "a,A"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var m access.Meters
		if err := m.UnmarshalText([]byte(text)); err != nil {
			return
		}
		names := access.Names(&meter.Scope{IsAll: m.IsAll, Meters: m.List})
		var again access.Meters
		if err := again.UnmarshalText([]byte(strings.Join(names, ","))); err != nil || again.IsAll != m.IsAll || len(again.List) != len(m.List) {
			t.Errorf("%q is %v, and then %+v, %v", text, names, again, err)
		}
	})
}
