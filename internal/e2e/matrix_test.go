package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"meterledger/internal/meter"
)

// The two meters: a credential that is for some meters is for ours.
const (
	ours   meter.ID = "ours"
	theirs meter.ID = "theirs"
)

// expectation is how callers are answered at one route: what is promised, not what the table says.
type expectation struct {
	roles string // that may ask, parted by blanks; those of the same credential that is for others
	query string // of a request that changes nothing; METER and MONTH stand for what is asked about
	csv   string // the body, if there is one
	of    answerOf
	not   answerOf // for a meter outside of the credential; zero if no meter is asked about
}

// answerOf is the status of an answer, and what stands in it.
type answerOf struct {
	status int
	tells  string
}

const (
	anybody   = members + " " + nobody
	members   = "operator auditor head-end meter household"
	posters   = "operator head-end meter"
	homes     = "operator auditor household"
	readers   = "operator auditor"
	operators = "operator"
	nobody    = "nobody"
)

var (
	unknownMeter = answerOf{http.StatusNotFound, `"code":"meter_not_found"`}
	fine         = answerOf{status: http.StatusOK}
	leads        = answerOf{status: http.StatusSeeOther} // to another page
)

// changes is of a route that changes something. Whoever may is told of a parameter that no route has.
func changes(roles string) expectation {
	return expectation{roles: roles, query: "?nonsense=1", of: answerOf{http.StatusBadRequest, `"code":"invalid_parameter"`}}
}

// lists is of a GET about no meter.
func lists(roles, query string) expectation { return expectation{roles: roles, query: query, of: fine} }

// tellsOfMeter is of a GET about one meter.
func tellsOfMeter(query string) expectation {
	return expectation{roles: homes, query: query, of: fine, not: unknownMeter}
}

// everyProgram are the routes that all three have.
var everyProgram = map[string]expectation{
	"GET /healthz":      lists(anybody, ""),
	"GET /readyz":       lists(anybody, ""),
	"GET /docs":         {roles: anybody, of: answerOf{status: http.StatusFound}},
	"GET /docs/":        {roles: anybody, of: answerOf{status: http.StatusFound}},
	"GET /docs/*":       lists(anybody, ""), // each file of it
	"GET /redoc":        lists(anybody, ""),
	"GET /redoc/*":      lists(anybody, ""),
	"GET /openapi.json": lists(anybody, ""),
	"GET /metrics":      lists(readers, ""), // from another machine, for which a proxy speaks
	"GET /":             lists(anybody, ""), // of a program, which is no browser
	"GET /favicon.ico":  lists(anybody, ""),
	"GET /ui/assets/*":  lists(anybody, ""),
	"GET /ui/login":     lists(anybody, ""),
	"POST /ui/login":    {roles: anybody, of: answerOf{status: http.StatusBadRequest}}, // without a token
	"POST /ui/logout":   {roles: anybody, of: leads},
}

// promised has an expectation for each route of each program.
var promised = map[string]map[string]expectation{
	"daily":   {"POST /perform_daily_maintenance": changes(operators), "GET /status": lists(readers, ""), "POST /ui/run": changes(operators)},
	"monthly": {"POST /perform_monthly_maintenance": changes(operators), "GET /status": lists(readers, ""), "POST /ui/run": changes(operators)},
	"api": {
		"POST /register_account":              changes(operators),
		"POST /import_accounts":               changes(operators),
		"POST /meters/{meter_id}/corrections": changes(operators),
		"PATCH /meters/{meter_id}":            changes(operators),
		"POST /meters/{meter_id}/exchange":    changes(operators),
		"DELETE /meters/{meter_id}/exchange":  changes(operators),
		"POST /meters/{meter_id}/retake":      changes(operators),
		"POST /exceptions/resolve":            changes(operators),
		"POST /credentials":                   changes(operators),
		"DELETE /credentials/{credential_id}": changes(operators),
		"POST /maintenance/start":             changes(operators),
		"POST /backup":                        changes(operators),
		"POST /shutdown":                      changes(operators),
		"POST /resume":                        changes(operators),
		"POST /restore_data":                  changes(operators),

		// Pages, of which programs get no more than browsers do. A star stands for all that have no line of their own.
		"GET /ui/":                           {roles: anybody, of: leads},
		"GET /ui/meters":                     lists(homes, ""),
		"GET /ui/meters/{meter_id}*":         tellsOfMeter(""),
		"GET /ui/operator*":                  lists(readers, ""),
		"GET /ui/operator/actions/{action}":  lists(operators, ""),
		"POST /ui/operator/actions/{action}": {roles: operators, of: answerOf{http.StatusBadRequest, `"code":"already_receiving"`}},

		"GET /export_accounts":    lists(readers, ""),
		"GET /export_readings":    lists(readers, "?month=MONTH"),
		"GET /meters":             lists(readers, ""),
		"GET /exceptions":         lists(readers, ""),
		"GET /credentials":        lists(readers, ""),
		"GET /maintenance/status": lists(readers, ""),
		"GET /audit":              lists(readers, ""),
		"GET /cluster":            lists(readers, ""),
		"GET /whoami":             lists(members, ""),

		"GET /account":                   tellsOfMeter("?meter_id=METER"),
		"GET /get_consumption":           tellsOfMeter("?meter_id=METER&period=last_month"),
		"GET /get_readings":              tellsOfMeter("?meter_id=METER"),
		"GET /meters/{meter_id}":         tellsOfMeter(""),
		"GET /meters/{meter_id}/gaps":    tellsOfMeter("?month=MONTH"),
		"GET /meters/{meter_id}/history": tellsOfMeter(""),
		"GET /get_last_month_bill":       tellsOfMeter("?meter_id=METER"),
		"GET /get_bill":                  tellsOfMeter("?meter_id=METER&month=MONTH"),
		"POST /receive_meter_reading": {
			roles: posters, query: "?meter_id=METER&timestamp=MONTH-01T00:00&reading=1", of: fine, not: unknownMeter,
		},
		"POST /receive_meter_readings": {
			roles: posters, csv: "meter_id,timestamp,reading\nMETER,MONTH-01T00:00,1\n",
			of: answerOf{http.StatusOK, `"duplicates":1,"rejected":0`}, not: answerOf{http.StatusOK, unknownMeter.tells},
		},
	},
}

// expect is how a caller with a credential is answered at a route about a meter.
func (e expectation) expect(c credential, about meter.ID) answerOf {
	may := slices.Contains(strings.Fields(e.roles), c.role)
	switch {
	case c.state.isWrong(), c.role == nobody && !may:
		return answerOf{http.StatusUnauthorized, `"code":"unauthorized"`}
	case !may:
		return answerOf{http.StatusForbidden, `"code":"forbidden"`}
	case e.not.status != 0 && !c.scope.Has(about):
		return e.not
	}
	return e.of
}

// TestNobodyGetsWhatWasNotPromised goes through every route of the three programs with every role, for
// a meter of the credential and another, with a credential in every state that one can be in.
func TestNobodyGetsWhatWasNotPromised(t *testing.T) {
	s, credentials := startGuarded(t)
	var cells atomic.Int64
	var workers sync.WaitGroup
	work := make(chan func())
	for range 4 {
		workers.Go(func() {
			for do := range work {
				do()
			}
		})
	}
	for program, base := range map[string]string{"api": s.API.URL, "daily": s.Daily.URL, "monthly": s.Monthly.URL} {
		for route, e := range expectations(t, program, routesOf(t, program)) {
			for _, about := range asksAbout(route, e) {
				for _, c := range credentials {
					work <- func() { s.wantCell(base, route, e, c, about, cells.Add(1)) }
				}
			}
		}
	}
	close(work)
	workers.Wait()
	t.Logf("%d cells", cells.Load())
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

// expectations returns what is expected of each route of a program. A route of which nothing is, and
// an expectation of a route that is not there, are errors.
func expectations(t *testing.T, program string, routes []string) map[string]expectation {
	t.Helper()
	table, met := maps.Clone(everyProgram), make(map[string]bool)
	maps.Copy(table, promised[program])
	all := make(map[string]expectation)
	for _, route := range routes {
		name := route
		if _, exactly := table[name]; !exactly {
			name = beginning.ReplaceAllString(route, "$1*")
		}
		e, stated := table[name]
		if !stated {
			t.Errorf("nobody has said who may use %s of %s: state it here", route, program)
		}
		all[route], met[name] = e, true
	}
	for route := range table {
		if !met[route] {
			t.Errorf("%s has no route %s", program, route)
		}
	}
	return all
}

// beginning is how the routes begin that share an expectation: pages, and the files of the docs pages and of others.
var beginning = regexp.MustCompile(`^(GET /(?:docs/|redoc/|ui/assets/|ui/operator|ui/meters/\{meter_id\})).*$`)

// asksAbout returns the meters that a route is asked about: one of the credential, and another if the
// route names one.
func asksAbout(route string, e expectation) []meter.ID {
	if strings.Contains(route, "{meter_id}") || strings.Contains(e.query+e.csv, "METER") {
		return []meter.ID{ours, theirs}
	}
	return []meter.ID{ours}
}

// wantCell sends one request. Each comes from an address of its own, for which a proxy on this machine
// speaks: wrong credentials are counted by address.
func (s *suite) wantCell(base, route string, e expectation, c credential, about meter.ID, number int64) {
	fill := strings.NewReplacer("{meter_id}", string(about), "METER", string(about), "MONTH", lastMonth(s.zone), "{credential_id}", "aaaaaaaaaaaaaaaa", "{action}", "resume", "{month}", lastMonth(s.zone))
	method, pattern, _ := strings.Cut(route, " ")
	r, err := http.NewRequest(method, base+fill.Replace(pattern)+fill.Replace(e.query), strings.NewReader(fill.Replace(e.csv)))
	if err != nil {
		s.t.Error(err)
		return
	}
	switch {
	case e.csv != "":
		r.Header.Set("Content-Type", "text/csv")
	case strings.HasPrefix(pattern, "/ui/"):
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded") // as a button sends
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	r.Header.Set("X-Forwarded-For", fmt.Sprintf("10.%d.%d.%d", number>>16&0xff, number>>8&0xff, number&0xff))
	status, body, err := s.ask(r)
	if want := e.expect(c, about); err != nil || status != want.status || !strings.Contains(body, want.tells) {
		s.t.Errorf("%s %s of %s by %s: got %d %.200s, %v, want %d %s", base, route, about, c.name, status, body, err, want.status, want.tells)
	}
}

// lastMonth is the month that the suite has closed.
func lastMonth(zone *meter.Zone) string {
	return zone.Today(time.Now()).CalendarMonth().Add(-1).String()
}
