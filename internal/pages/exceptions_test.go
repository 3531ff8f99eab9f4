package pages_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"meterledger/api"
	"meterledger/internal/meter"
)

const exceptionsPath = "/ui/operator/exceptions"

// spike is the exception that lookAtDay makes.
var spike = []string{"meter_id", "A", "rule", "SPIKE", "from", "2026-11-22T18:00:00"}

// resolvePage is the page to resolve it, which leads back to a list.
func resolvePage(back string) string {
	return actionsPath + "resolve?" + form(append(spike, "back", back)...).Encode()
}

func (s *suite) exceptionsOf(query string) api.Exceptions {
	s.t.Helper()
	var found api.Exceptions
	s.ask(http.MethodGet, "/exceptions?"+query, "", &found)
	return found
}

func TestExceptionsAreListedAsTheAPIListsThem(t *testing.T) {
	s := start(t)
	s.lookAtDay()
	for _, c := range []struct {
		query string
		rows  []string // meter and rule
	}{
		{"", []string{"A Above its limit", "A Single peak", "B Readings missing"}},
		{"status=&rule=&meter_id=&date=&month=", []string{"A Above its limit", "A Single peak", "B Readings missing"}}, // as the form sends it
		{"rule=SPIKE", []string{"A Single peak"}},
		{"meter_id=B&status=all", []string{"B Readings missing"}},
		{"date=2026-11-21", nil},
		{"month=2026-11&rule=HIGH", []string{"A Above its limit"}},
		{"status=accepted", nil},
	} {
		page := s.open(exceptionsPath+"?"+c.query, "")
		var rows []string
		for _, match := range regexp.MustCompile(`<bdi>([AB])</bdi></a></th>\s*<td><a href="[^"]*"><b>([^<]*)</b>`).FindAllStringSubmatch(page.body, -1) {
			rows = append(rows, match[1]+" "+match[2])
		}
		if strings.Join(rows, ", ") != strings.Join(c.rows, ", ") {
			t.Errorf("%q: %q, want %q", c.query, rows, c.rows)
		}
		if len(c.rows) == 0 {
			page.want(t, "There are no such exceptions.")
		}
	}
	s.open(exceptionsPath+"?rule=SPIKE", "").want(t, html.EscapeString(s.exceptionsOf("rule=SPIKE").Results[0].Why), `href="/ui/operator/meters/A?month=2026-11"`,
		`<option value="SPIKE" selected>`, `href="/exceptions?format=csv&amp;rule=SPIKE"`)
}

func TestAListOfExceptionsSaysWhatIsWrongWithItsFilter(t *testing.T) {
	s := start(t)
	s.lookAtDay()
	got := s.get(exceptionsPath+"?date=2026-11-22&month=2026-11", "")
	got.wantProblem(t, "Date does not go with month.")
	got.want(t, `value="2026-11-22"`)
	s.get(exceptionsPath+"?rule=%3Cb%3E", "").wantProblem(t, "Rule must be one of HIGH, SPIKE, ZERO_RUN, HIGH_LOW, MISSING, PROLONGED, DECREASING.")
	if got := s.get(exceptionsPath+"?meter_id=C", ""); got.status != http.StatusNotFound {
		t.Errorf("an unknown meter: %d", got.status)
	}
}

func TestDaysOfWhichNothingIsKnownAreNamed(t *testing.T) {
	s := start(t)
	s.lookAtDay()
	s.setNow("2026-11-25T09:00:00")
	s.open(exceptionsPath+"?month=2026-11", "").want(t, "Of these days nothing is known, because they were not archived: 2026-11-23, 2026-11-24.")
}

func TestExceptionsAreTurnedOverPageByPage(t *testing.T) {
	s := start(t)
	var ids []meter.ID
	for _, tens := range "0123456" {
		for _, ones := range "0123456789" {
			ids = append(ids, meter.ID("M"+string(tens)+string(ones)))
		}
	}
	s.register(ids...)
	for _, id := range ids {
		s.record(id, "2026-11-22T00:00", "5")
	}
	s.ask(http.MethodPost, "/maintenance/start?maintenance_type=daily", "", nil)
	first := s.open(exceptionsPath+"?rule=MISSING", "")
	next := regexp.MustCompile(`rel="next" href="([^"]*)"`).FindStringSubmatch(first.body)
	if next == nil || first.says("First page") {
		t.Fatal(first.body)
	}
	second := s.open(html.UnescapeString(next[1]), "")
	second.want(t, `<a class="button" href="/ui/operator/exceptions?rule=MISSING">First page</a>`, "<bdi>M69</bdi>")
	if n, m := strings.Count(first.body, "<b>Readings missing"), strings.Count(second.body, "<b>Readings missing"); n != 50 || m != 20 || second.says("Next page") {
		t.Errorf("the pages have %d and %d of 70", n, m)
	}
}

func TestAnExceptionIsResolvedBesideTheReadingsAroundIt(t *testing.T) {
	s := start(t)
	s.lookAtDay()
	back := exceptionsPath + "?date=2026-11-22"
	here := resolvePage(back)
	s.open(back, "").want(t, `href="`+html.EscapeString(here)+`"><b>Single peak</b></a>`)
	page := s.open(here, "")
	page.want(t, "Single peak", `<tr class="meant"><th scope="row"><time datetime="2026-11-22T18:00:00">18:00</time>`, "Sun 22 Nov 2026<br><time", `name="by"`, `href="`+html.EscapeString(back)+`">Cancel`)
	// Half hours from 16:00 to 20:30: a register and what was used until the next.
	if got := strings.Join(page.data(t, "kwh"), " "); got != "17 0.5 17.5 0.5 18 0.5 18.5 0.5 19 40.5 59.5 0.5 60 0.5 60.5 0.5 61 0.5 61.5" {
		t.Errorf("around it are %s", got)
	}
	sent := append([]string{"back", back, "step", "do", "reason", "<b>a kiln</b>"}, spike...)
	got := s.press(actionsPath+"resolve", "", form(sent...))
	got.wantProblem(t, "Verdict is missing.")
	got.want(t, `value="&lt;b&gt;a kiln&lt;/b&gt;"`)
	s.press(actionsPath+"resolve", "", form(append(sent, "verdict", "accepted", "by", "Lim Wei")...)).wantTo(t, back)
	s.open(exceptionsPath+"?status=accepted", "").want(t, "<q><bdi>&lt;b&gt;a kiln&lt;/b&gt;</bdi></q>", "<bdi>Lim Wei</bdi>, <time", `<span class="badge good">accepted</span>`)
	if s.open(back+"&rule=SPIKE", "").says("Single peak</b>") {
		t.Error("it is still open")
	}
}

func TestAnExceptionThatThereIsNotCannotBeResolved(t *testing.T) {
	s := start(t)
	s.lookAtDay()
	for query, status := range map[string]int{
		"meter_id=A&rule=SPIKE&from=2026-11-22T18:30:00": http.StatusNotFound,
		"meter_id=C&rule=SPIKE&from=2026-11-22T18:00:00": http.StatusNotFound,
		"meter_id=A&rule=SPIKE":                          http.StatusBadRequest,
		"rule=SPIKE&from=2026-11-22T18:00:00":            http.StatusBadRequest,
		"":                                               http.StatusBadRequest,
	} {
		if got := s.get(actionsPath+"resolve?"+query, ""); got.status != status {
			t.Errorf("%q: %d, want %d", query, got.status, status)
		}
	}
}

func TestRefusedReadingsAreRetakenFromTheirException(t *testing.T) {
	s := start(t)
	s.register("A")
	s.record("A", "2026-11-22T00:00", "10", "90", "")
	row := "meter_id,timestamp,reading\nA,2026-11-22T01:00:00,12\n"
	s.ask(http.MethodPost, "/receive_meter_readings", row, nil)
	s.ask(http.MethodPost, "/meters/A/retake", "", nil) // it is kept by now
	list := s.open(exceptionsPath+"?rule=DECREASING", "")
	resolve := regexp.MustCompile(`href="([^"]*/resolve[^"]*)"`).FindStringSubmatch(list.body)
	page := s.open(html.UnescapeString(resolve[1]), "")
	page.want(t, "Readings refused", `>Retake refused readings</a>`, actionsPath+"retake?back=")
	got := s.press(actionsPath+"retake", "", form("meter_id", "A", "step", "do"))
	got.want(t, "Some readings are still refused.", "Reading of 12 kWh is less than the earlier 90 kWh of 2026-11-22T00:30:00; ", `href="/ui/operator/meters/A">Back`)
	s.press(actionsPath+"correct", "", form("meter_id", "A", "timestamp", "2026-11-22T00:30:00", "expect", "90", "correction", "replace", "reading", "11", "reason", "misread", "step", "do")).
		wantTo(t, "/ui/operator/meters/A")
	s.press(actionsPath+"retake", "", form("meter_id", "A", "step", "do")).want(t, "All that was refused is recorded by now.", "Recorded</th><td>1</td>")
	s.press(actionsPath+"retake", "", form("meter_id", "A", "step", "do")).want(t, "No refused reading of this meter is kept.")
	s.press(actionsPath+"retake", "", form("meter_id", "a/../shutdown", "step", "do")).wantProblem(t,
		"meter_id must be 1 to 64 of A-Z a-z 0-9 . _ - and begin with a letter or a digit.")
}

func TestAnAuditorSeesExceptionsWithoutButtons(t *testing.T) {
	s := startGuarded(t)
	s.lookAtDay()
	if auditor := s.open(exceptionsPath, s.issue(meter.RoleAuditor)); auditor.says("/ui/operator/actions/") || !auditor.says("Single peak</b>") {
		t.Error(auditor.body)
	}
	s.open(exceptionsPath, s.operator).want(t, "/ui/operator/actions/resolve")
	if s.open(resolvePage(exceptionsPath), s.operator).says(`name="by"`) {
		t.Error("with access on the credential says who it is")
	}
	if got := s.get(exceptionsPath, s.issue(meter.RoleHousehold, "A")); got.status != http.StatusForbidden {
		t.Errorf("a household: %d", got.status)
	}
	if got := s.get(exceptionsPath, ""); got.status != http.StatusUnauthorized || !got.says(`name="to" value="`+exceptionsPath+`"`) {
		t.Errorf("nobody: %d", got.status)
	}
}

func TestAReadingIsCorrectedOrWithdrawn(t *testing.T) {
	s := start(t)
	s.lookAtDay()
	path := actionsPath + "correct"
	s.open(path, "").want(t, `<form class="act" method="get"`, `type="datetime-local"`)
	s.open(path+"?meter_id=A&timestamp=2026-11-22T00:30", "").want(t, `Recorded</th><td><data value="1.5" class="kwh">1.5</data> kWh`, `name="expect" value="1.5"`, `<form class="act" method="post"`)
	none := s.open(path+"?meter_id=B&timestamp=2026-11-22T00:30", "")
	none.want(t, "There is no such reading: only one that is recorded can be corrected.", `method="get"`)

	of := []string{"meter_id", "A", "timestamp", "2026-11-22T00:30:00", "expect", "1.5", "step", "do", "reason", "misread"}
	press := func(more ...string) *page { return s.press(path, "", form(append(of, more...)...)) }
	press("correction", "replace").wantProblem(t, "Reading must be a decimal number such as 1234.567.")
	press("correction", "replace", "reading", "9").wantProblem(t, "Reading of 9 kWh is more than the later 2 kWh of 2026-11-22T01:00:00.")
	press("correction", "replace", "reading", "1.6", "reason", "").wantProblem(t, "Reason is empty.")
	press("correction", "replace", "reading", "1.6", "expect", "1.4").wantProblem(t, "Expect of 1.4 kWh conflicts with 1.5 kWh, which is recorded for 2026-11-22T00:30:00.")
	press("correction", "withdraw", "reading", "1.6").wantProblem(t, "Reading does not go with there having been none.")
	press("reading", "1.6").wantProblem(t, "Correction must be one of replace, withdraw.")
	press("correction", "replace", "reading", "1.6", "by", "Lim", "back", "/ui/operator/exceptions?rule=HIGH").wantTo(t, "/ui/operator/exceptions?rule=HIGH")
	s.open(path+"?meter_id=A&timestamp=2026-11-22T00:30", "").want(t, `name="expect" value="1.6"`)
	press("expect", "1.6", "correction", "withdraw").wantTo(t, "/ui/operator/meters/A")
	s.open(path+"?meter_id=A&timestamp=2026-11-22T00:30", "").want(t, "There is no such reading")

	var history api.History
	s.ask(http.MethodGet, "/meters/A/history", "", &history)
	if h := history.Results; len(h) != 2 || h[0].By == nil || *h[0].By != "Lim" || h[0].After.String() != "1.6" || h[1].After != nil || h[1].Reason != "misread" {
		t.Errorf("the history is %+v", h)
	}
}

func TestTheNewestReadingCanBeCorrected(t *testing.T) {
	s := start(t)
	s.register("A")
	s.record("A", "2026-11-23T10:00", "7.25")
	s.open(actionsPath+"correct?meter_id=A&timestamp="+url.QueryEscape("2026-11-23T10:00:00"), "").want(t, `name="expect" value="7.25"`)
}

func TestReadingsAroundAGapSayHowLongItIs(t *testing.T) {
	s := start(t)
	s.register("A")
	registers := count(48, 1000, 500)
	for i := 6; i < 20; i++ {
		registers[i] = ""
	}
	s.record("A", "2026-11-22T00:00", registers...)
	s.ask(http.MethodPost, "/maintenance/start?maintenance_type=daily", "", nil)
	from := s.exceptionsOf("rule=MISSING").Results[0].From
	s.open(actionsPath+"resolve?"+form("meter_id", "A", "rule", "MISSING", "from", from).Encode(), "").want(t, "no reading of 14 half hours")
}
