package pages_test

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"meterledger/internal/access"
	"meterledger/internal/httpkit"
	"meterledger/internal/issuertest"
	"meterledger/internal/meter"
)

// login returns the session that a token begins.
func (s *suite) login(token string) string {
	s.t.Helper()
	got := s.press("/ui/login", "", url.Values{"token": {token}, "to": {"/ui/meters"}})
	if got.status != http.StatusSeeOther || got.header.Get("Location") != "/ui/meters" {
		s.t.Fatalf("logging in: %d %s", got.status, got.body)
	}
	cookie, err := http.ParseSetCookie(got.header.Get("Set-Cookie"))
	if err != nil || cookie.Name != sessionCookie {
		s.t.Fatalf("the session is %v, %v", got.header["Set-Cookie"], err)
	}
	return cookie.Value
}

// wantOver wants a session to have ended.
func (s *suite) wantOver(session string) {
	s.t.Helper()
	got := s.get("/ui/meters", session)
	if got.status != http.StatusUnauthorized || !strings.Contains(got.header.Get("Set-Cookie"), sessionCookie+"=; Path=/; Max-Age=0;") || !got.says(`action="/ui/login"`) {
		s.t.Errorf("the session goes on: %d %v %s", got.status, got.header, got.body)
	}
}

func TestASessionEndsAtOnceWhenItsTokenIsRevoked(t *testing.T) {
	s := startGuarded(t)
	s.register("A")
	token, id := s.issueUntil(time.Time{}, meter.RoleHousehold, "A")
	session := s.login(token)
	s.open("/ui/meters", session)
	s.ask(http.MethodDelete, "/credentials/"+id, "", nil)
	s.wantOver(session)
}

func TestASessionEndsWhenItsTokenExpires(t *testing.T) {
	s := startGuarded(t)
	s.register("A")
	token, _ := s.issueUntil(s.clock().Add(time.Hour), meter.RoleHousehold, "A")
	session := s.login(token)
	s.setNow("2026-11-23T11:09:59")
	s.open("/ui/meters", session)
	s.setNow("2026-11-23T11:10:00")
	s.wantOver(session)
}

func TestATokenOfAnIssuerBeginsASessionThatEndsWithIt(t *testing.T) {
	issuer, door := issuertest.New(t), &access.Door{Address: httpkit.ClientAddr}
	s := startWith(t, "Asia/Singapore", door, 0)
	door.Issuer = access.NewIssuer(issuer.URL, issuertest.Audience, s.zone, s.clock, slog.New(slog.DiscardHandler))
	s.register("A", "B")
	holder := func(meters ...string) string {
		return issuer.Sign(s.clock(), map[string]any{"meterledger_role": "household", "meterledger_meters": meters, "sub": "ng@example.org"})
	}
	s.open("/ui/meters", holder("Z")).want(t, "None of the meters of this token is registered yet.")
	session := s.login(holder("A", "Z"))
	own := s.open("/ui/meters", session)
	own.want(t, `href="/ui/meters/A"`, "<bdi>oidc:ng@example.org</bdi> (household)")
	if own.says("/ui/meters/B") || own.says("/ui/meters/Z") {
		t.Errorf("it tells of another home: %s", own.body)
	}
	s.setNow("2026-11-24T10:10:00")
	s.wantOver(session)
}

func TestWrongTokensOfOneAddressAreLimitedAtTheLoginTooAndRightOnesAreNot(t *testing.T) {
	s := startGuarded(t)
	for range access.FailuresMax {
		if got := s.press("/ui/login", "", url.Values{"token": {"junk"}}); got.status != http.StatusUnauthorized {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	if got := s.press("/ui/login", "", url.Values{"token": {"junk"}}); got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") != "60" || !got.says("wrong credentials in a minute") {
		t.Errorf("%d %v %s", got.status, got.header, got.body)
	}
	s.login(s.operator)
}
