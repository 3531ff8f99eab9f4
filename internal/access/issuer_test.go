package access_test

import (
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"meterledger/internal/access"
	"meterledger/internal/issuertest"
	"meterledger/internal/meter"
)

// newIssuedHouse is a house that takes the JWTs of an issuer.
func newIssuedHouse(t testing.TB) (*house, *issuertest.Issuer) {
	h, issuer := newHouse(), issuertest.New(t)
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		t.Fatal(err)
	}
	h.Issuer = access.NewIssuer(issuer.URL, issuertest.Audience, zone, func() time.Time { return h.now }, slog.New(slog.DiscardHandler))
	return h, issuer
}

func TestJWTSaysItsHoldersRoleAndMeters(t *testing.T) {
	h, issuer := newIssuedHouse(t)
	for _, c := range []struct {
		claims map[string]any
		want   meter.Caller
	}{
		{map[string]any{"meterledger_role": "operator"}, meter.Caller{Role: meter.RoleOperator, Scope: meter.Scope{IsAll: true}}},
		{map[string]any{"meterledger_role": "auditor", "meterledger_meters": "*"}, meter.Caller{Role: meter.RoleAuditor, Scope: meter.Scope{IsAll: true}}},
		{map[string]any{"meterledger_role": "meter", "meterledger_meters": []string{"*"}}, meter.Caller{Role: meter.RoleMeter, Scope: meter.Scope{IsAll: true}}},
		{map[string]any{"meterledger_role": "meter", "meterledger_meters": []string{"B", "A", "B"}}, meter.Caller{Role: meter.RoleMeter, Scope: meter.Scope{Meters: []meter.ID{"A", "B"}}}},
		{
			map[string]any{"meterledger_role": "household", "meterledger_meters": []string{"A"}, "meterledger_from": "2026-11-01T00:00:00", "meterledger_until": "2026-11-01T01:00:00+08:00"},
			meter.Caller{Role: meter.RoleHousehold, Scope: meter.Scope{Meters: []meter.ID{"A"}, From: 1793491200, Until: 1793494800}},
		},
	} {
		caller, err := h.judge("Bearer " + issuer.Sign(h.now, c.claims))
		if err != nil || caller.Role != c.want.Role || caller.Credential != "oidc:a person" || caller.Name() != "oidc:a person" ||
			caller.Scope.IsAll != c.want.Scope.IsAll || !slices.Equal(caller.Scope.Meters, c.want.Scope.Meters) ||
			caller.Scope.From != c.want.Scope.From || caller.Scope.Until != c.want.Scope.Until {
			t.Errorf("%v: %+v, %v", c.claims, caller, err)
		}
	}
	if issuer.Fetches() != 1 {
		t.Errorf("the keys were fetched %d times", issuer.Fetches())
	}
	if len(h.keeper.used) > 0 {
		t.Errorf("used is %v", h.keeper.used)
	}
}

func TestWrongJWTIsNobodys(t *testing.T) {
	h, issuer := newIssuedHouse(t)
	other := issuertest.New(t)
	right := issuer.Sign(h.now, map[string]any{"meterledger_role": "operator"})
	parts := strings.Split(right, ".")
	const (
		notOurs = "the JWT is not one of the issuer for this audience, or has expired"
		claims  = "the claims of the JWT must have meterledger_role, one of the four roles, and meterledger_meters, a list or *"
	)
	with := func(name string, value any) string {
		all := map[string]any{"meterledger_role": "household", "meterledger_meters": []string{"A"}}
		all[name] = value
		return issuer.Sign(h.now, all)
	}
	for token, want := range map[string]string{
		right[:len(right)-2]:                         notOurs,
		parts[0] + "." + parts[1] + ".":              notOurs,
		"eyJhbGciOiJub25lIn0." + parts[1] + ".":      notOurs, // "alg":"none"
		"eyJhbGciOiJIUzI1NiJ9." + parts[1] + ".AAAA": notOurs, // "alg":"HS256"
		"..": notOurs,
		other.Sign(h.now, map[string]any{"iss": issuer.URL, "meterledger_role": "operator"}): notOurs,
		with("iss", other.URL):                      notOurs,
		with("aud", "another program"):              notOurs,
		with("exp", h.now.Unix()):                   notOurs, // which is the second in which it does not count any more
		with("nbf", h.now.Add(time.Hour).Unix()):    notOurs,
		with("meterledger_role", "root"):            claims,
		with("meterledger_role", ""):                claims,
		with("meterledger_role", nil):               claims,
		with("meterledger_meters", []string{"A B"}): claims,
		with("meterledger_meters", "A,B"):           claims,
		with("meterledger_meters", 7):               claims,
		with("meterledger_meters", nil):             "the claims of the JWT: meterledger_meters is missing",
		with("meterledger_meters", []string{}):      "the claims of the JWT: meterledger_meters is missing",
		with("meterledger_meters", "*"):             "the claims of the JWT: meterledger_meters must be a list with role=household",
		with("meterledger_role", "auditor"):         "the claims of the JWT: meterledger_meters only goes with role=meter or role=household: the others have all",
		with("meterledger_from", "yesterday"):       "the claims of the JWT: meterledger_from must be a timestamp such as 2026-11-23T14:30:00 or 2026-11-23T06:30:00Z",
	} {
		h.now = h.now.Add(10 * time.Second) // so that they are not too many
		caller, err := h.judge("Bearer " + token)
		if err == nil || err.Kind != meter.KindUnauthorized || err.Detail != want || caller.Role != meter.NoRole {
			t.Errorf("%s: %+v, %v, want %s", token, caller, err, want)
		}
	}
	if _, err := h.judge("Bearer " + right); err != nil {
		t.Errorf("the right one: %v", err)
	}
}

func TestJWTCountsFromItsBeginningToTheSecondOfItsEnd(t *testing.T) {
	h, issuer := newIssuedHouse(t)
	header := "Bearer " + issuer.Sign(h.now, map[string]any{
		"meterledger_role": "operator", "nbf": h.now.Add(time.Hour).Unix(), "exp": h.now.Add(2 * time.Hour).Unix(),
	})
	for after, counts := range map[time.Duration]bool{
		0: false, time.Hour: true, 2*time.Hour - time.Second: true, 2 * time.Hour: false, 3 * time.Hour: false,
	} {
		begun := h.now
		h.now = begun.Add(after)
		if _, err := h.judge(header); (err == nil) != counts {
			t.Errorf("after %v: %v", after, err)
		}
		h.now = begun
	}
}

func TestNewKeyOfTheIssuerIsTakenAtOnceAndAWithdrawnOneSoon(t *testing.T) {
	h, issuer := newIssuedHouse(t)
	operator := map[string]any{"meterledger_role": "operator", "exp": h.now.Add(24 * time.Hour).Unix()}
	old := issuer.Sign(h.now, operator)
	if _, err := h.judge("Bearer " + old); err != nil {
		t.Fatal(err)
	}
	issuer.Rotate()
	for tries := 1; ; tries++ { // go-oidc may give the keys of a moment ago to one more who asks
		_, err := h.judge("Bearer " + issuer.Sign(h.now, operator))
		if err == nil {
			break
		}
		if tries == 300 {
			t.Fatalf("a token of the new key: %v", err)
		}
		h.now = h.now.Add(10 * time.Second) // so that they are not too many, and no hour passes
		runtime.Gosched()
	}
	for end := time.Now().Add(30 * time.Second); ; runtime.Gosched() { // go-oidc keeps the keys a moment after it has answered with them
		if _, err := h.judge("Bearer " + old); err != nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("a token of the withdrawn key counts, though the keys are known to be others")
		}
	}
	old = issuer.Sign(h.now, operator)
	issuer.Rotate()
	if _, err := h.judge("Bearer " + old); err != nil {
		t.Errorf("before anybody could know: %v", err)
	}
	h.now = h.now.Add(time.Hour)
	if _, err := h.judge("Bearer " + old); err == nil {
		t.Error("a token of the withdrawn key counts an hour later")
	}
}

func TestForgedJWTsDoNotFloodTheIssuer(t *testing.T) {
	h, issuer := newIssuedHouse(t)
	forger := issuertest.New(t)
	for range 100 {
		if _, err := h.judge("Bearer " + forger.Sign(h.now, map[string]any{"iss": issuer.URL})); err == nil {
			t.Fatal("a forged token is taken")
		}
	}
	if issuer.Fetches() != 10 {
		t.Errorf("100 forged tokens of one second fetched the keys %d times", issuer.Fetches())
	}
	if _, err := h.judge("Bearer " + issuer.Sign(h.now, map[string]any{"meterledger_role": "operator"})); err != nil {
		t.Errorf("a right token beside them: %v", err)
	}
	issuer.Rotate()
	later := issuer.Sign(h.now, map[string]any{"meterledger_role": "operator"})
	if _, err := h.judge("Bearer " + later); meter.CodeOf(err) != meter.CodeNotReady {
		t.Errorf("a right token of a key that was not fetched for them: %v", err)
	}
	h.now = h.now.Add(10 * time.Second)
	for end := time.Now().Add(30 * time.Second); ; runtime.Gosched() { // go-oidc may give the failure of a moment ago to one more who asks
		_, err := h.judge("Bearer " + later)
		if err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the same when the issuer is asked again: %v", err)
		}
	}
}

func TestIssuerThatIsAwayIsAskedAgain(t *testing.T) {
	h, issuer := newIssuedHouse(t)
	wantAway := func(when string) {
		t.Helper()
		_, err := h.judge("Bearer " + issuer.Sign(h.now, map[string]any{"meterledger_role": "operator"}))
		if err == nil || err.Kind != meter.KindUnavailable || err.Code != meter.CodeNotReady {
			t.Errorf("%s: %v", when, err)
		}
	}
	wantRight := func(when string) {
		t.Helper()
		if _, err := h.judge("Bearer " + issuer.Sign(h.now, map[string]any{"meterledger_role": "operator"})); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	issuer.SetAway(true)
	for range 2 * access.FailuresMax { // which are no wrong credentials
		wantAway("from the beginning")
	}
	issuer.SetAway(false)
	wantAway("asked a moment ago")
	h.now = h.now.Add(5 * time.Second)
	wantRight("back")
	issuer.SetAway(true)
	wantRight("away, and its keys are known")
	h.now = h.now.Add(time.Hour)
	wantRight("away, and its keys are old")
	issuer.Rotate()
	wantAway("away, with a key that is not known")
	issuer.SetAway(false)
	h.now = h.now.Add(time.Minute)
	wantRight("back with a new key")
}

func TestSubjectIsWrittenDownOnlyIfItCanBeRead(t *testing.T) {
	h, issuer := newIssuedHouse(t)
	for _, subject := range []string{"", " ", "a\nb", "Lim\u202ehcum", strings.Repeat("x", 65)} {
		caller, err := h.judge("Bearer " + issuer.Sign(h.now, map[string]any{"sub": subject, "meterledger_role": "operator"}))
		if err != nil || !strings.HasPrefix(caller.Credential, "oidc:sha256:") || len(caller.Credential) != 76 {
			t.Errorf("%q: %+v, %v", subject, caller, err)
		}
	}
}
