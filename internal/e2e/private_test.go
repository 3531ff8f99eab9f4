package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/tools/suite/programs"
)

// logs collects what programs print.
type logs struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// What nobody may find in a log or a figure.
const (
	privateOwner   = "Xanthippe"
	privateAddress = "Quagga"
)

// TestAWholeLifeLeavesNothingPersonal takes a home through what can happen to it, with access on
// and with the most that is logged, and looks at what is left: files that others can open, and
// words in logs and figures.
func TestAWholeLifeLeavesNothingPersonal(t *testing.T) {
	buildPrograms(t)
	folder, out := t.TempDir(), &logs{}
	data, archive := filepath.Join(folder, "data"), filepath.Join(folder, "Archive")
	suite, err := programs.Start(t.Context(), programs.Config{BinDir: binaries, Out: out, Env: append(settings(data, archive),
		"LOG_LEVEL=debug", "AUTH=on", "API_TOKEN_FILE="+filepath.Join(data, "operator.token"))})
	if err != nil {
		t.Fatal(err)
	}
	l := &privateHome{t: t, suite: suite, token: readToken(t, data), secrets: []string{privateOwner, privateAddress}}
	l.live()
	l.wantNothingIn("the metrics", l.metrics())
	if err := suite.API.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.ask(http.MethodGet, suite.API.URL+"/audit", nil, http.StatusOK)
	if err := suite.Stop(); err != nil {
		t.Error(err)
	}
	l.wantNothingIn("the log", out.String())
	if !strings.Contains(out.String(), "level=DEBUG msg=request") {
		t.Error("the requests are not logged")
	}
	wantPrivate(t, folder)
	if _, err := os.Stat(filepath.Join(folder, "backup", "one", "data", "operator.token")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the backup has the operator's token: %v", err)
	}
	if log, err := filepath.Glob(filepath.Join(folder, "backup", "one", "data", "audit", "*.jsonl")); err != nil || len(log) == 0 {
		t.Errorf("the backup has the audit log %v, %v", log, err)
	}
}

// privateHome is a home of which nobody may learn.
type privateHome struct {
	t       *testing.T
	suite   *programs.Suite
	token   string
	secrets []string
}

// startWithAccess starts the suite with access on, and returns the first operator's token too.
func startWithAccess(t *testing.T) (s *suite, token string) {
	t.Helper()
	folder := t.TempDir()
	data := filepath.Join(folder, "data")
	s = startSuiteIn(t, folder, "AUTH=on", "API_TOKEN_FILE="+filepath.Join(data, "operator.token"))
	return s, readToken(t, data)
}

func readToken(t *testing.T, data string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(data, "operator.token"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// ask sends a request with its parameters in the query, and wants a status.
func (l *privateHome) ask(method, address string, parameters url.Values, status int) string {
	l.t.Helper()
	r, err := http.NewRequest(method, address+"?"+parameters.Encode(), nil)
	if err != nil {
		l.t.Fatal(err)
	}
	r.SetBasicAuth(l.token, "")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		l.t.Fatal(err)
	}
	defer answer.Body.Close()
	text := new(strings.Builder)
	if err := answer.Write(text); err != nil {
		l.t.Fatal(err)
	}
	if status > 0 && answer.StatusCode != status {
		l.t.Errorf("%s %s: %s", method, address, text)
	}
	return text.String()
}

func (l *privateHome) live() {
	api, operator := l.suite.API.URL, l.token
	now := time.Now().In(loadSingapore(l.t))
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	yesterday, lastMonth := today.AddDate(0, 0, -1), time.Date(now.Year(), now.Month()-1, 10, 0, 0, 0, 0, now.Location())
	owner := url.Values{"owner_name": {privateOwner}, "address": {privateAddress}, "meter_id": {"A"}}
	l.ask(http.MethodPost, api+"/register_account", owner, 200)
	l.ask(http.MethodPost, api+"/register_account", owner, 400)
	l.ask(http.MethodPost, api+"/register_account", url.Values{"owner_name": {privateOwner}, "address": {privateAddress + "\n"}, "meter_id": {"B"}}, 400)
	l.ask(http.MethodPost, api+"/shutdown", owner, 400) // by mistake
	l.ask(http.MethodGet, api+"/get_consumption", owner, 400)
	for n, at := range []time.Time{lastMonth, lastMonth.Add(time.Hour), yesterday, yesterday.Add(time.Hour)} {
		l.ask(http.MethodPost, api+"/receive_meter_reading", url.Values{"meter_id": {"A"}, "timestamp": {at.Format(stampLayout)}, "reading": {fmt.Sprint(n)}}, 200)
	}
	issued := l.ask(http.MethodPost, api+"/credentials", url.Values{"role": {"household"}, "meters": {"A"}, "label": {privateOwner}}, 200)
	household := regexp.MustCompile(`mlh_[A-Za-z0-9_-]+`).FindString(issued)
	l.secrets = append(l.secrets, operator, household, strings.TrimPrefix(household, "mlh_")[:20], strings.TrimPrefix(operator, "mlo_")[:20])
	l.token = household
	l.ask(http.MethodGet, api+"/account", url.Values{"meter_id": {"A"}}, 200)
	l.ask(http.MethodGet, api+"/meters", nil, 403)
	l.ask(http.MethodGet, api+"/account", url.Values{"meter_id": {"A"}, "token": {household}}, 400) // by mistake
	l.token = household[:len(household)-2]
	l.ask(http.MethodGet, api+"/account", url.Values{"meter_id": {"A"}}, 401)
	l.token = operator
	l.ask(http.MethodPatch, api+"/meters/A", url.Values{"owner_name": {privateOwner + " II"}, "address": {privateAddress + " 2"}, "max_kw": {"20"}}, 0)
	l.ask(http.MethodPost, l.suite.Daily.URL+"/perform_daily_maintenance", url.Values{"date": {meter.Day{Year: yesterday.Year(), Month: yesterday.Month(), Day: yesterday.Day()}.String()}}, 200)
	l.ask(http.MethodPost, l.suite.Daily.URL+"/perform_daily_maintenance", owner, 400) // by mistake
	l.ask(http.MethodPost, l.suite.Monthly.URL+"/perform_monthly_maintenance", url.Values{"month": {lastMonth.Format("2006-01")}}, 200)
	l.ask(http.MethodPost, api+"/backup", url.Values{"name": {"one"}}, 200)
	l.ask(http.MethodGet, api+"/export_accounts", nil, 200)
	l.ask(http.MethodPost, api+"/restore_data", nil, 200)
	l.browse(household, operator)
}

// browse looks at pages as the home and an operator do, who log in first, and once with the form's fields in the address.
func (l *privateHome) browse(home, operator string) {
	for _, program := range []*programs.Program{l.suite.API, l.suite.Daily, l.suite.Monthly} {
		for _, token := range []string{home, operator} {
			form := url.Values{"token": {token}, "to": {"/ui/" + privateOwner}}
			l.visit(http.MethodPost, program.URL+"/ui/login", "", form, http.StatusSeeOther)
			l.visit(http.MethodPost, program.URL+"/ui/login?"+form.Encode(), "", nil, http.StatusBadRequest)
			l.visit(http.MethodGet, program.URL+"/", token, nil, 0)
			l.visit(http.MethodPost, program.URL+"/ui/logout", token, nil, http.StatusSeeOther)
		}
	}
	api := l.suite.API.URL
	for _, path := range []string{"/ui/meters", "/ui/meters/A", "/ui/meters/A/usage"} {
		l.visit(http.MethodGet, api+path, home, nil, http.StatusOK)
	}
	l.visit(http.MethodGet, api+"/ui/meters?meter_id="+privateOwner, home, nil, http.StatusSeeOther)
	for _, path := range []string{"/ui/operator", "/ui/operator/meters", "/ui/operator/meters/A", "/ui/operator/log"} {
		l.visit(http.MethodGet, api+path, operator, nil, http.StatusOK)
	}
	l.visit(http.MethodGet, api+"/ui/operator/nothing?"+privateOwner+"="+privateAddress, home[:len(home)-2], nil, http.StatusNotFound)
}

// visit asks as a browser does, in the session of a token.
func (l *privateHome) visit(method, address, token string, form url.Values, status int) {
	l.t.Helper()
	r, err := http.NewRequest(method, address, strings.NewReader(form.Encode()))
	if err != nil {
		l.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if token != "" {
		r.Header.Set("Cookie", "__Host-meterledger="+token)
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		l.t.Fatal(err)
	}
	answer.Body.Close()
	if status > 0 && answer.StatusCode != status {
		l.t.Errorf("%s %s: %s", method, address, answer.Status)
	}
}

func (l *privateHome) metrics() (all string) {
	for _, p := range []*programs.Program{l.suite.API, l.suite.Daily, l.suite.Monthly} {
		all += l.ask(http.MethodGet, p.URL+"/metrics", nil, 200)
	}
	return all
}

func (l *privateHome) wantNothingIn(where, text string) {
	l.t.Helper()
	for _, secret := range l.secrets {
		if at := strings.Index(text, secret); at >= 0 {
			l.t.Errorf("%s holds %s: …%s…", where, secret, text[max(0, at-200):min(len(text), at+100)])
		}
	}
}

// wantPrivate wants only the owner to be able to open what is in a folder.
func wantPrivate(t *testing.T, folder string) {
	t.Helper()
	seen := 0
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == folder {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		seen++
		want := os.FileMode(0o600)
		if entry.IsDir() {
			want = 0o700
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has the mode %v", strings.TrimPrefix(path, folder), info.Mode())
		}
		return nil
	})
	if err != nil || seen < 30 {
		t.Errorf("%d files and folders, %v", seen, err)
	}
}
