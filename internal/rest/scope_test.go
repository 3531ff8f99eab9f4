package rest_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"meterledger/internal/faulttest"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
	"meterledger/internal/rest"
)

// badges is a Door that knows callers by what they send as Authorization.
type badges map[string]meter.Caller

func (b badges) Caller(r *http.Request) (meter.Caller, error) {
	caller, known := b[r.Header.Get("Authorization")]
	if !known {
		return caller, meter.Errorf(meter.KindUnauthorized, meter.CodeUnauthorized, "this is no badge")
	}
	return caller, nil
}

// The badges of the tests.
const (
	operatorBadge  = "operator"
	householdBadge = "household"
	senderBadge    = "sender"
)

var anyMeter = meter.Caller{Role: meter.RoleOperator, Scope: meter.Scope{IsAll: true}}

// answer is what a caller gets.
type answer struct {
	Status int
	Header http.Header
	Body   string
}

// gated is a script's api behind a door of badges.
type gated struct {
	*script
	door    badges
	handler http.Handler
}

func newGated(s *script) *gated {
	g := &gated{script: s, door: badges{operatorBadge: anyMeter}}
	g.handler = named(rest.NewHandler(rest.Options{
		Ledger: s.node.Ledger, Reader: s.node.Reader, Runs: s.node.Runs, Audit: s.node.Audit, Log: slog.New(slog.DiscardHandler), Metrics: httpkit.NewMetrics(), Door: g.door,
	}))
	return g
}

// recorder takes a deadline as a connection does.
type recorder struct{ *httptest.ResponseRecorder }

// SetWriteDeadline does nothing: a recorder takes everything at once.
func (recorder) SetWriteDeadline(time.Time) error { return nil }

// ask sends a request as one of the callers, without a network.
func (g *gated) ask(badge, method, path string, body string, header ...string) answer {
	r := httptest.NewRequest(method, "http://localhost"+path, strings.NewReader(body))
	r.Header.Set("Authorization", badge)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := recorder{httptest.NewRecorder()}
	g.handler.ServeHTTP(w, r)
	return answer{w.Code, w.Header(), w.Body.String()}
}

// must sends what an operator asks for, and wants it to be done.
func (g *gated) must(t *testing.T, method, path, body string, header ...string) {
	t.Helper()
	if got := g.ask(operatorBadge, method, path, body, header...); got.Status != http.StatusOK {
		t.Fatalf("%s %s %s: %d %s", method, path, body, got.Status, got.Body)
	}
}

// TestAHouseholdIsAnsweredAsIfThereWereNoOtherTime asks two ledgers: one knows all of a house's
// life, the other only what lies within the time of the credential. They answer the same, byte for
// byte, while that time is moved over the moves by half hours, on the grid and off it.
func TestAHouseholdIsAnsweredAsIfThereWereNoOtherTime(t *testing.T) {
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		t.Fatal(err)
	}
	for _, move := range []struct{ name, in, out string }{
		{"within months", "2026-09-10T12:00", "2026-11-12T18:00"},
		{"with months", "2026-10-01T00:00", "2026-11-01T00:00"},
	} {
		t.Run(move.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(zone, move.in, move.out)
			all := h.ledger(t, "all", meter.Window{From: h.span.From, To: h.span.To})
			scopes := []meter.Scope{{From: h.in.Instant()}, {Until: h.out.Instant()}}
			step := meter.Instant(faulttest.Every(3))
			for shift := -4 / step * step; shift <= 4; shift += step {
				aside := shift*1800 + shift%2*7*60
				scopes = append(scopes, meter.Scope{From: h.in.Instant() + aside, Until: h.out.Instant() - aside})
			}
			for n, scope := range scopes {
				t.Run(strconv.Itoa(n), func(t *testing.T) { h.compare(t, all, scope) })
			}
		})
	}
}

func (h *house) compare(t *testing.T, all *gated, scope meter.Scope) {
	t.Helper()
	scope.Meters = houseMeters[:4]
	w := scope.Cut(meter.Window{From: h.span.From, To: h.span.To})
	own := h.ledger(t, "own", w)
	household := meter.Caller{Role: meter.RoleHousehold, Credential: "abc", Scope: scope}
	all.door[householdBadge], own.door[householdBadge] = household, household
	h.compareThen(t, all, own, w)
	answered := make(map[string]bool)
	for n, around := range []meter.Slot{w.From, w.To} {
		questions := h.questions(around)
		for _, route := range rest.HomeRoutes() {
			if len(questions[route]) == 0 {
				t.Fatalf("nothing is asked of %s", route)
			}
			for _, query := range questions[route] {
				for _, id := range []meter.ID{"gaps", "plain", scope.Meters[2+n]} {
					path := pathOf(route, id, query)
					if !answered[path] {
						answered[path] = true
						h.comparePath(t, all, own, route, path, w)
					}
				}
			}
		}
	}
}

// compareThen asks what depends on the present while that is near the ends of a window. The ledgers
// have readings that are later, as if the clock had been set back.
func (h *house) compareThen(t *testing.T, all, own *gated, w meter.Window) {
	t.Helper()
	defer func(now time.Time) { all.now, own.now = now, now }(all.now)
	for _, around := range []meter.Slot{w.From, w.To} {
		for shift := -1; shift <= 2; shift++ {
			all.now = h.zone.Time(meter.Slot(int(around) + shift)).Add(5 * time.Minute)
			own.now = all.now
			for _, id := range []meter.ID{"gaps", "plain"}[shift&1:] {
				for _, route := range []string{"/account", "/meters/{meter_id}", "/get_readings"} {
					h.comparePath(t, all, own, route, pathOf(route, id, ""), w)
				}
				for _, period := range []string{"last_30min", "today"} {
					h.comparePath(t, all, own, "/get_consumption", pathOf("/get_consumption", id, "compare=previous&period="+period), w)
				}
			}
		}
	}
}

func (h *house) comparePath(t *testing.T, all, own *gated, route, path string, w meter.Window) {
	t.Helper()
	for pages := 0; path != "" && pages < 2; pages++ {
		got, want := all.ask(householdBadge, "GET", path, ""), own.ask(householdBadge, "GET", path, "")
		if strings.Contains(route, "bill") && got.Status == http.StatusNotFound {
			if isSure := !strings.Contains(path, "gaps"); isSure && isWhole(h.zone, path, w) || !strings.Contains(got.Body, "bill_not_found") {
				t.Errorf("within %s to %s, %s is not there: %s", h.zone.Stamp(w.From), h.zone.Stamp(w.To), path, got.Body)
			}
			return
		}
		if got.Status >= http.StatusInternalServerError {
			t.Errorf("%s: %d %s", path, got.Status, got.Body)
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("within %s to %s, %s is answered by what lies outside (+):\n%s", h.zone.Stamp(w.From), h.zone.Stamp(w.To), path, diff)
			return
		}
		if tag := got.Header.Get("ETag"); tag != "" {
			if again := all.ask(householdBadge, "GET", path, "", "If-None-Match", tag); again.Status != http.StatusNotModified {
				t.Errorf("%s with its ETag is answered %d", path, again.Status)
			}
			if other := all.ask(operatorBadge, "GET", path, ""); other.Body != got.Body && other.Header.Get("ETag") == tag {
				t.Errorf("%s has the ETag of an answer to somebody else", path)
			}
		}
		link := got.Header.Get("Link")
		path = strings.TrimSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
	}
}

// isWhole reports whether the month of a bill lies within a window.
func isWhole(zone *meter.Zone, path string, w meter.Window) bool {
	month := meter.Month{Year: 2026, Month: 10}
	if _, name, given := strings.Cut(path, "month="); given {
		month, _ = meter.ParseMonth(name[:len("2026-10")])
	}
	of := zone.MonthWindow(month)
	return w.Contains(of.From) && w.Contains(of.To)
}
