package pages_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"meterledger/api"
	"meterledger/api/apitest"
	"meterledger/internal/access"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

func TestTheRootIsAPageForBrowsersAndJSONForPrograms(t *testing.T) {
	s := start(t)
	s.server.Client().Transport = apitest.NewTransport(t, s.server.Client().Transport)
	s.open("/", "").want(t, "Access is off", `action="/ui/meters"`, `href="/ui/operator"`, "No meter is registered yet.")
	s.register("A", "B.C")
	s.open("/", "").want(t, `For example <a href="/ui/meters/A">A</a>, <a href="/ui/meters/B.C">B.C</a>`)
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
	for token, to := range map[string]string{
		"": "/ui/login", s.operator: "/ui/operator", s.issue(meter.RoleAuditor): "/ui/operator",
		s.issue(meter.RoleHousehold, "A"): "/ui/meters/A", s.issue(meter.RoleHousehold, "A", "B"): "/ui/meters",
	} {
		s.get("/", token).wantTo(t, to)
		s.get("/ui/", token).wantTo(t, "/")
	}
	if got := s.get("/", s.issue(meter.RoleMeter, "A")); got.status != http.StatusForbidden || !got.says("The role meter has no pages.") {
		t.Errorf("a meter: %d %s", got.status, got.body)
	}
}

func TestAMeterIsChosenAndAHouseholdChoosesOfItsOwn(t *testing.T) {
	s := startGuarded(t)
	s.register("A", "B", "C")
	home := s.issue(meter.RoleHousehold, "A", "B")
	own := s.open("/ui/meters", home)
	own.want(t, `<a href="/ui/meters/A">A</a>`, `<a href="/ui/meters/B">B</a>`, "<bdi>Orchard Road</bdi>")
	for _, other := range []string{"/ui/meters/C", "For example"} {
		if own.says(other) {
			t.Errorf("a household is shown %s: %s", other, own.body)
		}
	}
	s.open("/ui/meters", s.operator).want(t, `name="meter_id"`, `<a href="/ui/meters/C">C</a>`, `href="/ui/operator/meters"`)
	s.get("/ui/meters?meter_id=B.C", s.operator).wantTo(t, "/ui/meters/B.C")
	s.get("/ui/meters?meter_id=%20B.C%20", s.operator).wantTo(t, "/ui/meters/B.C")
	s.get("/ui/meters?meter_id=C", home).wantTo(t, "/ui/meters/C")
	for query, says := range map[string]string{"meter_id=": ">meter_id is empty.<", "meter_id=a%20b": ">meter_id must be 1 to 64 of", "nonsense=1": ">Nonsense is not a parameter here;"} {
		if got := s.get("/ui/meters?"+query, s.operator); got.status != http.StatusBadRequest || !got.says(says) {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
}

func TestAnotherHomesPagesAreThoseOfNoMeterAtAll(t *testing.T) {
	s := startGuarded(t)
	s.register("A", "B")
	home := s.issue(meter.RoleHousehold, "A")
	s.open("/ui/meters/A", home)
	for _, id := range []string{"B", "Z"} {
		if got := s.get("/ui/meters/"+id, home); got.status != http.StatusNotFound || !got.says("Meter "+id+" is not registered.") {
			t.Errorf("%s: %d %s", id, got.status, got.body)
		}
	}
	for _, path := range []string{"/ui/operator", "/ui/operator/actions/shutdown"} {
		if got := s.get(path, home); got.status != http.StatusForbidden || !got.says("The role household may not do this.") {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
}

func TestPagesHaveARateToo(t *testing.T) {
	s := startWith(t, "Asia/Singapore", &access.Door{Address: httpkit.ClientAddr}, 2)
	s.register("A")
	home := s.issue(meter.RoleHousehold, "A")
	for range 2 {
		s.open("/ui/meters", home)
	}
	if got := s.get("/ui/meters", home); got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") != "60" || !got.says("sends more requests a minute than it may") {
		t.Errorf("%d %v", got.status, got.header)
	}
	s.open("/ui/meters", s.issue(meter.RoleHousehold, "A"))
}
