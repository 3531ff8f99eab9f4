package pages_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"meterledger/api"
	"meterledger/internal/meter"
)

func TestTheRootIsAPageForBrowsersAndJSONForPrograms(t *testing.T) {
	s := start(t)
	s.open("/", "").want(t, "Access is off", `action="/ui/meters"`, `href="/ui/operator"`)
	for _, accept := range []string{"", "*/*", "application/json", "text/html;q=0.5, application/json"} {
		r := s.request(http.MethodGet, "/", "", nil)
		r.Header.Set("Accept", accept)
		got := s.do(r)
		var root api.Root
		if err := json.Unmarshal([]byte(got.body), &root); err != nil || root.Name != "meterledger api" || root.Links["docs"] != "/docs" {
			t.Errorf("%q: %d %s", accept, got.status, got.body)
		}
		if got.header.Get("Vary") != "Accept" {
			t.Errorf("%q: it varies by %q", accept, got.header.Get("Vary"))
		}
	}
}

func TestTheRootLeadsEachRoleToItsPages(t *testing.T) {
	s := startGuarded(t)
	s.register("A", "B")
	for _, c := range []struct{ who, token, to string }{
		{"nobody", "", "/ui/login"},
		{"operator", s.operator, "/ui/operator"},
		{"auditor", s.issue(meter.RoleAuditor), "/ui/operator"},
		{"household", s.issue(meter.RoleHousehold, "A"), "/ui/meters/A"},
	} {
		if got := s.get("/", c.token); got.status != http.StatusSeeOther || got.header.Get("Location") != c.to {
			t.Errorf("%s: %d to %q, want %q", c.who, got.status, got.header.Get("Location"), c.to)
		}
	}
	s.open("/", s.issue(meter.RoleHousehold, "A", "B")).want(t, `href="/ui/meters/A"`, `href="/ui/meters/B"`)
}
