package rest_test

import (
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"meterledger/internal/access"
	"meterledger/internal/issuertest"
	"meterledger/internal/meter"
	"meterledger/internal/rest"
)

// Who may ask for what, as callers were promised, beside operators, who may everything, and
// auditors, who may every GET.
var (
	ofHouseholds = []string{
		"GET /account", "GET /get_consumption", "GET /get_readings", "GET /meters/{meter_id}", "GET /meters/{meter_id}/gaps",
		"GET /meters/{meter_id}/history", "GET /get_last_month_bill", "GET /get_bill", "GET /whoami",
	}
	ofMeters  = []string{"POST /receive_meter_reading", "POST /receive_meter_readings", "GET /whoami"}
	ofAnybody = []string{"GET /readyz"}
)

func mayAsk(role, endpoint string) bool {
	switch {
	case role == "$operator", slices.Contains(ofAnybody, endpoint):
		return true
	case role == "$auditor":
		return strings.HasPrefix(endpoint, "GET ")
	case role == "$household":
		return slices.Contains(ofHouseholds, endpoint)
	case role == "$meter", role == "$head_end":
		return slices.Contains(ofMeters, endpoint)
	}
	return false
}

// TestEveryEndpointIsForTheRolesThatWerePromised sends a parameter that no endpoint takes: whoever
// may ask is told so, and others are refused before anybody looks.
func TestEveryEndpointIsForTheRolesThatWerePromised(t *testing.T) {
	s := newGuardedScript(t, "roles")
	s.issue("$expired", "role=operator&expires_at=2026-11-23T10:10:30")
	revoked := s.issue("$revoked", "role=operator")
	s.run("DELETE /credentials/" + revoked + "\n=> 200")
	unknown, _ := access.NewToken(meter.RoleOperator)
	s.kept["$unknown"], s.kept["$junk"] = unknown, "junk"
	for endpoint := range rest.Features() {
		s.now = s.now.Add(time.Minute) // so that wrong credentials are not too many
		method, pattern, _ := strings.Cut(endpoint, " ")
		path := strings.NewReplacer("{meter_id}", "A", "{credential_id}", "aaaaaaaaaaaaaaaa").Replace(pattern) + "?nonsense=1"
		for _, role := range []string{"$operator", "$auditor", "$household", "$meter", "$head_end"} {
			s.become(role)
			want := http.StatusForbidden
			if mayAsk(role, endpoint) {
				want = http.StatusBadRequest
			}
			s.wantStatus(method, path, role, want)
		}
		for _, wrong := range []string{"$expired", "$revoked", "$unknown", "$junk"} {
			s.become(wrong)
			s.wantStatus(method, path, wrong, http.StatusUnauthorized)
		}
		s.become("nobody")
		want := http.StatusUnauthorized
		if slices.Contains(ofAnybody, endpoint) {
			want = http.StatusBadRequest
		}
		s.wantStatus(method, path, "nobody", want)
	}
}

func (s *script) wantStatus(method, path, who string, want int) {
	s.t.Helper()
	answer := s.send(method, path, http.Header{}, "")
	answer.Body.Close()
	if answer.StatusCode != want {
		s.t.Errorf("%s %s of %s is answered %d, want %d", method, path, who, answer.StatusCode, want)
	}
}

func TestWrongCredentialsOfOneAddressAreLimitedAndRightOnesAreNot(t *testing.T) {
	s := newGuardedScript(t, "limit")
	s.kept["$junk"] = "junk"
	s.become("$junk")
	for range access.FailuresMax {
		s.wantStatus(http.MethodGet, "/whoami", "junk", http.StatusUnauthorized)
	}
	s.run(`
GET /whoami
=> 429 rate_limited: this address sent more than ` + strconv.Itoa(access.FailuresMax) + ` wrong credentials in a minute
< Retry-After: 60
as $operator
GET /whoami
=> 200
as nobody
GET /whoami
=> 401 unauthorized: this needs a credential: send the header Authorization: Bearer TOKEN`)
}

func TestTokensOfAnIssuerAskLikeOthers(t *testing.T) {
	s, issuer := newScript(t, "issuer"), issuertest.New(t)
	s.issuer = access.NewIssuer(issuer.URL, issuertest.Audience, s.zone, s.clock, slog.New(slog.DiscardHandler))
	s.guard()
	s.kept["$issued"] = issuer.Sign(s.now, map[string]any{"meterledger_role": "operator", "sub": "ng@example.org"})
	s.kept["$home"] = issuer.Sign(s.now, map[string]any{"meterledger_role": "household", "meterledger_meters": []string{"A"}})
	s.run(`
as $issued
POST /register_account?owner_name=Tan&address=Road&meter_id=A
=> 200
GET /whoami
=> 200 {"credential_id":"oidc:ng@example.org","role":"operator","label":null,"meters":["*"],"from":null,"until":null}
POST /meters/A/exchange?at=2026-11-23T05:10&old_reading=0&new_reading=5
=> 200
POST /credentials?role=auditor&certificate_sha256=sha256+Fingerprint%3D9F:9F
=> 400 {"type":"about:blank","title":"Bad Request","status":400,"code":"invalid_parameter","field":"certificate_sha256","instance":"*",
   "detail":"certificate_sha256 must be 64 hexadecimal digits, which openssl x509 -fingerprint -sha256 prints after the ="}
POST /credentials?role=auditor
=> 200 {"credential_id":"*","token":"*","role":"auditor","meters":["*"],"from":null,"until":null,"label":null,"certificate_sha256":null,
   "created_at":"*","by":"oidc:ng@example.org","expires_at":null,"revoked_at":null,"last_used":null}
as $home
GET /account?meter_id=A
=> 200
GET /meters
=> 403 forbidden: the role household may not do this`)
}

// TestRotationUnderLoadTurnsNobodyAwayAndLetsNobodyIn has callers ask all the time while their token
// is replaced again and again, and asks with each old one once it is revoked.
func TestRotationUnderLoadTurnsNobodyAwayAndLetsNobodyIn(t *testing.T) {
	s := newGuardedScript(t, "rotation")
	var (
		mu      sync.RWMutex // held by callers while they ask: none asks with a token that was replaced
		present string
		id      = s.issue("$present", "role=meter&meters=A")
		done    = make(chan struct{})
		callers sync.WaitGroup
	)
	present = s.kept["$present"]
	for range 4 {
		callers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				mu.RLock()
				status := s.statusWith(present)
				mu.RUnlock()
				if status != http.StatusOK {
					t.Errorf("a token that counts is answered %d", status)
					return
				}
			}
		})
	}
	for range access.FailuresMax { // in each of which one wrong token is sent
		next := s.issue("$next", "role=meter&meters=A")
		mu.Lock()
		old := present
		present = s.kept["$next"]
		mu.Unlock()
		s.run("as $operator\nDELETE /credentials/" + id + "\n=> 200")
		if status := s.statusWith(old); status != http.StatusUnauthorized {
			t.Errorf("a revoked token is answered %d", status)
		}
		id = next
	}
	close(done)
	callers.Wait()
}

// statusWith returns how a caller with a token is answered.
func (s *script) statusWith(token string) int {
	answer := s.send(http.MethodGet, "/whoami", http.Header{"Authorization": {"Bearer " + token}}, "")
	answer.Body.Close()
	return answer.StatusCode
}

func TestAnotherHomesMeterIsNotRegisteredForAHousehold(t *testing.T) {
	s := newGuardedScript(t, "another home")
	s.become("$household")
	for _, path := range []string{
		"/account?meter_id=B", "/get_consumption?meter_id=B&period=today", "/get_readings?meter_id=B", "/meters/B", "/meters/B/gaps?month=2026-10",
		"/meters/B/history", "/get_last_month_bill?meter_id=B", "/get_bill?meter_id=B&month=2026-10",
	} {
		s.run("GET " + path + "\n=> 404 meter_not_found: meter B is not registered")
	}
}
