package pages_test

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"meterledger/api"
	"meterledger/internal/durable"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// actionsPath is where the pages of actions are.
const actionsPath = "/ui/operator/actions/"

// form returns what a form sends, of names and values.
func form(values ...string) url.Values {
	f := make(url.Values)
	for i := 0; i < len(values); i += 2 {
		f.Set(values[i], values[i+1])
	}
	return f
}

// wantTo wants a page to lead to another.
func (p *page) wantTo(t testing.TB, to string) {
	t.Helper()
	if got := p.header.Get("Location"); p.status != http.StatusSeeOther || got != to || p.header.Get("Cache-Control") != httpkit.KeepNothing {
		t.Fatalf("%s: %d to %q, want %q\n%s", p.path, p.status, got, to, p.body)
	}
}

// wantProblem wants a page to be a form that says what was wrong with what it sent.
func (p *page) wantProblem(t testing.TB, problem string) {
	t.Helper()
	if p.status != http.StatusBadRequest {
		t.Errorf("%s: %d, want 400", p.path, p.status)
	}
	p.want(t, `role="alert">`+problem+`</p>`, `<form`)
}

// changes are the lines of the audit log, the oldest first, as "WHAT OUTCOME".
func (s *suite) changes() (all []string) {
	s.t.Helper()
	var log api.Audit
	s.ask(http.MethodGet, "/audit", "", &log)
	for _, line := range slices.Backward(log.Lines) {
		all = append(all, line.What+" "+string(line.Outcome))
	}
	return all
}

// lookAtDay registers A, whose 22 November 2026 has a spike, and B, which goes silent, and archives that day.
func (s *suite) lookAtDay() {
	s.t.Helper()
	s.register("A", "B")
	registers := count(48, 1000, 500)
	for i := range registers {
		if i > 36 {
			registers[i] = count(1, 41_000+i*500, 0)[0]
		}
	}
	s.record("A", "2026-11-22T00:00", registers...)
	s.record("B", "2026-11-22T00:00", "5")
	s.ask(http.MethodPost, "/maintenance/start?maintenance_type=daily", "", nil)
}

// wantFinished waits for the run that goes on.
func (s *suite) wantFinished() {
	if running := s.node.Runs.Status().Running; running != nil {
		<-running.Run.Done()
	}
}

func TestNothingIsArchivedBeforeItWasShownAndConfirmed(t *testing.T) {
	for _, c := range []struct{ action, name, value, file string }{
		{"archive", "date", "2026-11-22", "daily_2026-11-22.csv"},
		{"close", "month", "2026-10", "monthly_2026-10.csv"},
	} {
		s := start(t)
		s.register("A")
		s.record("A", "2026-10-31T23:00", count(2, 1000, 10)...)
		s.record("A", "2026-11-22T00:00", count(3, 2000, 10)...)
		path := actionsPath + c.action
		s.open(path, "").want(t, `name="`+c.name+`" type="`, `value="`+c.value+`"`, `name="step" value="preview"`)

		shown := s.press(path, "", form(c.name, c.value, "step", "preview"))
		shown.want(t, c.file, `name="step" value="do"`, `type="hidden" name="`+c.name+`" value="`+c.value+`"`)
		if got := s.node.Runs.Status().Archives; len(got) > 0 {
			t.Fatalf("%s was not confirmed yet, and wrote %v", c.action, got)
		}
		s.press(path, "", form(c.name, c.value, "step", "do")).wantTo(t, "/ui/operator/runs")
		s.wantFinished()
		if got := s.node.Runs.Status().Archives; len(got) != 1 || filepath.Base(got[0].File) != c.file {
			t.Errorf("%s wrote %v", c.action, got)
		}
	}
}

func TestWhatAFormGotWrongIsSaidBesideWhatItSent(t *testing.T) {
	s := start(t)
	got := s.press(actionsPath+"close", "", form("month", "2026-11", "step", "preview"))
	got.wantProblem(t, "Month 2026-11 has not ended yet.")
	got.want(t, `value="2026-11"`)
	s.press(actionsPath+"archive", "", form("step", "do", "date", "yesterday")).wantProblem(t, "Date must be a day such as 2026-11-23.")
	s.press(actionsPath+"backup", "", form("step", "do", "name", "../x")).wantProblem(t, "Name must be 1 to 64 of A-Z, a-z, 0-9, _ and -, beginning with a letter or digit.")
	s.press(actionsPath+"resume", "", form("step", "do")).wantProblem(t, "Readings are being received already.")
	if got := s.press(actionsPath+"nothing", "", form()); got.status != http.StatusNotFound {
		t.Errorf("an action that there is not: %d", got.status)
	}
	if got := s.press(actionsPath+"shutdown", "", form("x", strings.Repeat("x", 70_000))); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a form of 70,000 bytes: %d", got.status)
	}
	if !s.node.Receiving() {
		t.Error("reception was shut down by a form that was too large")
	}
}

func TestReceptionIsShutDownAndResumedByButtons(t *testing.T) {
	s := start(t)
	s.open(actionsPath+"shutdown", "").want(t, "Readings are taken", `class="danger">Shut reception down</button>`)
	s.press(actionsPath+"shutdown", "", form("step", "do")).wantTo(t, "/ui/operator")
	if s.node.Receiving() {
		t.Error("reception goes on")
	}
	s.press(actionsPath+"shutdown", "", form("step", "do")).wantProblem(t, "Reception is shut down already.")
	s.open(actionsPath+"resume", "").want(t, "Readings are not taken:</strong> reception is shut down")
	s.press(actionsPath+"resume", "", form("step", "do", "back", "/ui/operator/runs")).wantTo(t, "/ui/operator/runs")
	if !s.node.Receiving() {
		t.Error("reception was not resumed")
	}
}

func TestOnlyAClockThatIsBehindIsAskedToBeTrusted(t *testing.T) {
	s := start(t)
	s.register("A")
	if s.open(actionsPath+"resume", "").says(`name="clock"`) {
		t.Error("a right clock is asked to be trusted")
	}
	s.setNow("2026-11-23T09:00:00")
	s.open(actionsPath+"resume", "").want(t, `name="clock" value="trust"`, "It shows Mon 23 Nov 2026 09:00,")
	s.press(actionsPath+"resume", "", form("step", "do", "clock", "trust")).wantTo(t, "/ui/operator")
	if err := s.node.Ready(); err != nil {
		t.Error(err)
	}
}

func TestABackupAndARestoreSayWhatTheyDid(t *testing.T) {
	s := start(t)
	s.lookAtDay()
	s.press(actionsPath+"backup", "", form("step", "do", "name", "today")).want(t, "The backup is made.", "<td>today</td>", "backup/today", `href="/ui/operator/archives">Back`)
	s.press(actionsPath+"restore", "", form("step", "do")).want(t, `class="notice good" role="status">The archives are restored.`, `Readings that were there already</th><td>49</td>`)
	s.writeArchive("daily_2026-11-20.csv", "meter_id,timestamp,reading\n<b>nobody</b>,2026-11-20T00:00:00,1\nnobody,2026-11-20T00:00:00,1\n")
	got := s.press(actionsPath+"restore", "", form("step", "do"))
	got.want(t, `class="notice warn" role="status">The archives are restored, but not all that they hold.`, "daily_2026-11-20.csv, row 2", "Meter nobody is not registered.")
}

// TestEachActionIsInTheAuditLogOnce presses every button. What the page asks of the api is the change, not
// the press.
func TestEachActionIsInTheAuditLogOnce(t *testing.T) {
	s := startGuarded(t)
	s.lookAtDay()
	auditor, household := s.issue(meter.RoleAuditor), s.issue(meter.RoleHousehold, "A")
	exception := []string{"meter_id", "A", "rule", "SPIKE", "from", "2026-11-22T18:00:00"}
	for _, c := range []struct {
		action, what string
		sent         []string
	}{
		{"archive", "POST /maintenance/start", []string{"date", "2026-11-22"}},
		{"close", "POST /maintenance/start", []string{"month", "2026-10"}},
		{"shutdown", "POST /shutdown", nil},
		{"resume", "POST /resume", nil},
		{"backup", "POST /backup", []string{"name", "one"}},
		{"restore", "POST /restore_data", nil},
		{"resolve", "POST /exceptions/resolve", append(exception, "verdict", "accepted", "reason", "a kiln")},
		{"correct", "POST /meters/A/corrections", []string{"meter_id", "A", "timestamp", "2026-11-22T18:30:00", "expect", "59.500", "correction", "replace", "reading", "19.5", "reason", "a test"}},
		{"retake", "POST /meters/A/retake", []string{"meter_id", "A"}},
	} {
		path, sent := actionsPath+c.action, form(append(c.sent, "step", "do")...)
		before := s.changes()
		for _, other := range []string{auditor, household} {
			if got := s.press(path, other, sent); got.status != http.StatusForbidden {
				t.Errorf("%s of somebody else: %d", c.action, got.status)
			}
			if got := s.get(path+"?"+sent.Encode(), other); got.status != http.StatusForbidden {
				t.Errorf("the page of %s for somebody else: %d", c.action, got.status)
			}
		}
		if got := s.press(path, "", sent); got.status != http.StatusUnauthorized || !got.says(`name="token"`) {
			t.Errorf("%s of nobody: %d", c.action, got.status)
		}
		before = append(before, "POST "+path+" refused", "GET "+path+" refused", "POST "+path+" refused", "GET "+path+" refused", "POST "+path+" refused")
		if got := s.press(path, s.operator, sent); got.status != http.StatusOK && got.status != http.StatusSeeOther {
			t.Errorf("%s: %d %s", c.action, got.status, got.body)
		}
		s.wantFinished()
		if got, want := s.changes(), append(before, c.what+" begun", c.what+" done"); !slices.Equal(got, want) {
			t.Errorf("%s: the audit log has\n%s\nwant\n%s", c.action, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func TestAPageAndWhatItAskedHaveTheSameRequestID(t *testing.T) {
	s := start(t)
	pressed := s.press(actionsPath+"shutdown", "", form("step", "do"))
	var log api.Audit
	s.ask(http.MethodGet, "/audit?page_size=1", "", &log)
	if id := pressed.header.Get("X-Request-Id"); id == "" || log.Lines[0].RequestID != id {
		t.Errorf("the page has %q, the log %q", id, log.Lines[0].RequestID)
	}
}

func TestAnotherOriginPressesNoButton(t *testing.T) {
	s := start(t)
	r := s.request(http.MethodPost, actionsPath+"shutdown", "", strings.NewReader("step=do"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "https://evil.example")
	if got := s.do(r); got.status != http.StatusForbidden || !s.node.Receiving() {
		t.Errorf("%d, receiving %v", got.status, s.node.Receiving())
	}
}

func TestAnActionLeadsNowhereElse(t *testing.T) {
	s := start(t)
	for _, back := range []string{"https://evil.example/", "//evil.example/", "/ui/operator", "/ui/login", `\ui\operator\`, "javascript:alert(1)"} {
		s.open(actionsPath+"backup?back="+url.QueryEscape(back), "").want(t, `href="/ui/operator/archives">Cancel`)
	}
	s.open(actionsPath+"backup?back=/ui/operator/runs", "").want(t, `href="/ui/operator/runs">Cancel`)
}

// TestNoTwoTemplatesHaveAName guards against one that silently takes the place of another.
func TestNoTwoTemplatesHaveAName(t *testing.T) {
	files, err := filepath.Glob("templates/*.html")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	seen := make(map[string]string)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`{{-? *define "([^"]*)"`).FindAllStringSubmatch(string(text), -1) {
			if other, ok := seen[match[1]]; ok {
				t.Errorf("%s and %s both define %q", other, file, match[1])
			}
			seen[match[1]] = file
		}
	}
}

// writeArchive puts a file into the archive folder.
func (s *suite) writeArchive(name, content string) {
	s.t.Helper()
	err := durable.WriteFile(s.fs, s.fs.PathJoin("Archive", name), func(w io.Writer) error {
		_, err := io.WriteString(w, content)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// TestAnActionTakesNothingButAForm: what cannot be read as one does nothing at all, instead of something
// without the values that were sent.
func TestAnActionTakesNothingButAForm(t *testing.T) {
	s := start(t)
	const sentForm = "application/x-www-form-urlencoded"
	for _, c := range []struct {
		contentType, encoding, body string
		status                      int
	}{
		{"application/json", "", `{"name":"mine"}`, http.StatusUnsupportedMediaType},
		{"text/plain", "", "name=mine", http.StatusUnsupportedMediaType},
		{"", "", "name=mine", http.StatusUnsupportedMediaType},
		{sentForm, "gzip", "name=mine", http.StatusUnsupportedMediaType},
		{sentForm, "", `{"name":"mine"}`, http.StatusBadRequest},
		{sentForm, "", "name=mine&name=yours", http.StatusBadRequest},
		{sentForm, "", "name=%zz", http.StatusBadRequest},
	} {
		r := s.request(http.MethodPost, actionsPath+"backup", "", strings.NewReader(c.body))
		r.Header.Set("Content-Type", c.contentType)
		r.Header.Set("Content-Encoding", c.encoding)
		if got := s.do(r); got.status != c.status {
			t.Errorf("%s %s: %d, want %d\n%s", c.contentType, c.body, got.status, c.status, got.body)
		}
	}
	if done := s.changes(); len(done) > 0 {
		t.Errorf("what was done: %v", done)
	}
}
