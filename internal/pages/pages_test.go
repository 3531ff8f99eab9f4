package pages_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/api"
	"meterledger/internal/access"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
	"meterledger/internal/node"
	"meterledger/internal/pages"
	"meterledger/internal/rest"
)

// suite is an api with its pages, in memory. It is asked as browsers do.
type suite struct {
	t        testing.TB
	zone     *meter.Zone
	fs       vfs.FS
	node     *node.Node
	handler  http.Handler
	server   *httptest.Server
	now      atomic.Pointer[time.Time]
	operator string // the token of one; empty with access off
}

// start returns an empty api with access off. It is 2026-11-23T10:10:00 in Singapore, until setNow.
func start(t testing.TB) *suite {
	t.Helper()
	return startIn(t, "Asia/Singapore", false)
}

// startGuarded is start with access on.
func startGuarded(t testing.TB) *suite {
	t.Helper()
	return startIn(t, "Asia/Singapore", true)
}

func startIn(t testing.TB, zoneName string, isGuarded bool) *suite {
	t.Helper()
	if isGuarded {
		return startWith(t, zoneName, &access.Door{Address: httpkit.ClientAddr}, 0)
	}
	return startWith(t, zoneName, nil, 0)
}

// startWith is startIn for a door of one's own, nil with access off, and a rate limit.
func startWith(t testing.TB, zoneName string, door *access.Door, rateLimit int) *suite {
	t.Helper()
	zone, err := meter.LoadZone(zoneName)
	if err != nil {
		t.Fatal(err)
	}
	s := &suite{t: t, zone: zone, fs: vfs.NewMem()}
	s.setNow("2026-11-23T10:10:00")
	metrics, log := httpkit.NewMetrics(), slog.New(slog.DiscardHandler)
	s.node, err = node.Open(t.Context(), node.Options{
		FS: s.fs, DataDir: "data", ArchiveDir: "Archive", BackupDir: "backup", Zone: zone,
		Now: s.clock, Log: log, Holder: "a test", Version: "test",
		ReadingsFrom: meter.Day{Year: 2010, Month: time.January, Day: 1}, DiskFreeMin: 1, RefusalsMax: 1_000_000, Metrics: metrics.Set,
	})
	if err != nil {
		t.Fatal(err)
	}
	options := rest.Options{Ledger: s.node.Ledger, Reader: s.node.Reader, Runs: s.node.Runs, Audit: s.node.Audit, Log: log, Metrics: metrics}
	if door != nil {
		door.Came = func(*http.Request) time.Time { return s.clock() }
		door.Open(s.node.Ledger)
		options.Door = door
		s.operator = s.issue(meter.RoleOperator)
	}
	ctx, stop := context.WithCancel(context.Background())
	router := rest.NewHandler(options)
	pages.Mount(ctx, router, pages.Options{
		API: router, Reader: s.node.Reader, Metrics: metrics, Log: log, Guarded: door != nil, RateLimit: rateLimit,
	})
	s.handler, s.server = router, httptest.NewServer(router)
	s.server.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Cleanup(func() {
		s.server.Close()
		stop()
		if err := s.node.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *suite) clock() time.Time { return *s.now.Load() }

func (s *suite) setNow(stamp string) {
	s.t.Helper()
	s.now.Store(new(s.at(stamp)))
}

func (s *suite) at(stamp string) time.Time {
	s.t.Helper()
	at, err := time.ParseInLocation(stampLayout, stamp, s.zone.Location())
	if err != nil {
		s.t.Fatal(err)
	}
	return at
}

func (s *suite) slot(stamp string) meter.Slot {
	s.t.Helper()
	slot, err := s.zone.ParseSlot("timestamp", stamp)
	if err != nil {
		s.t.Fatal(err)
	}
	return slot
}

// register opens accounts, each of "Owner of ID".
func (s *suite) register(ids ...meter.ID) {
	s.t.Helper()
	for _, id := range ids {
		if err := s.node.Register(s.t.Context(), id, "Owner of "+string(id), "Orchard Road"); err != nil {
			s.t.Fatal(err)
		}
	}
}

// record takes registers of a meter, one each half hour beginning at a time such as
// 2026-11-23T00:00. An empty one is missing.
func (s *suite) record(id meter.ID, from string, registers ...string) {
	s.t.Helper()
	slot, rows := s.slot(from), &strings.Builder{}
	rows.WriteString("meter_id,timestamp,reading\n")
	for i, register := range registers {
		if register != "" {
			fmt.Fprintf(rows, "%s,%s,%s\n", id, s.zone.Stamp(slot+meter.Slot(i)), register)
		}
	}
	var result api.BatchResult
	s.ask(http.MethodPost, "/receive_meter_readings", rows.String(), &result)
	if result.Accepted+result.Duplicates != strings.Count(rows.String(), "\n")-1 {
		s.t.Fatalf("%s: %+v", id, result)
	}
}

// count returns n registers of a meter that uses step each half hour, in thousandths of kWh.
func count(n, from, step int) []string {
	registers := make([]string, n)
	for i := range registers {
		registers[i] = fmt.Sprintf("%d.%03d", (from+i*step)/1000, (from+i*step)%1000)
	}
	return registers
}

// issue returns the token of a new credential. Without meters it is for all.
func (s *suite) issue(role meter.Role, meters ...meter.ID) string {
	s.t.Helper()
	token, _ := s.issueUntil(time.Time{}, role, meters...)
	return token
}

// issueUntil is issue for a credential that ends; it returns the id too.
func (s *suite) issueUntil(ends time.Time, role meter.Role, meters ...meter.ID) (token string, id string) {
	s.t.Helper()
	token, sum := access.NewToken(role)
	made := meter.Credential{
		ID: meter.NewCredentialID(), Role: role, Label: "a test", SHA256: sum, Scope: meter.Scope{IsAll: len(meters) == 0, Meters: meters},
		CreatedAt: s.clock(), ExpiresAt: ends,
	}
	if err := s.node.Issue(s.t.Context(), made); err != nil {
		s.t.Fatal(err)
	}
	return token, made.ID
}

// ask asks the api as an operator. It wants a 200, and decodes the answer into into, if that is not nil.
// A body is JSON if it begins with a brace, and else CSV.
func (s *suite) ask(method, path, body string, into any) {
	s.t.Helper()
	r := s.request(method, path, s.operator, strings.NewReader(body))
	r.Header.Set("Accept", "application/json")
	if body != "" {
		r.Header.Set("Content-Type", "text/csv")
	}
	if strings.HasPrefix(body, "{") {
		r.Header.Set("Content-Type", "application/json")
	}
	got := s.do(r)
	if got.status != http.StatusOK {
		s.t.Fatalf("%s %s: %d %s", method, path, got.status, got.body)
	}
	if into != nil {
		if err := json.Unmarshal([]byte(got.body), into); err != nil {
			s.t.Fatalf("%s %s: %v in %s", method, path, err, got.body)
		}
	}
}

// page is an answer to a browser.
type page struct {
	path   string
	status int
	header http.Header
	body   string
}

// get asks for a page in the session of a token; without one nobody asks. A page must be sound.
func (s *suite) get(path, token string) *page {
	s.t.Helper()
	p := s.do(s.request(http.MethodGet, path, token, nil))
	p.wantSound(s.t)
	return p
}

// open is get for a page that must be there.
func (s *suite) open(path, token string) *page {
	s.t.Helper()
	p := s.get(path, token)
	if p.status != http.StatusOK {
		s.t.Fatalf("GET %s: %d %s", path, p.status, p.body)
	}
	return p
}

// press sends a form of a page, as a browser does for a button of it.
func (s *suite) press(path, token string, form url.Values) *page {
	s.t.Helper()
	r := s.request(http.MethodPost, path, token, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", s.server.URL)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	p := s.do(r)
	p.wantSound(s.t)
	return p
}

// sessionCookie is the name of what a session is kept in.
const sessionCookie = "__Host-meterledger"

// request is one as a browser sends it.
func (s *suite) request(method, path, token string, body io.Reader) *http.Request {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.server.URL+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
	if token != "" {
		r.Header.Set("Cookie", sessionCookie+"="+token)
	}
	return r
}

func (s *suite) do(r *http.Request) *page {
	s.t.Helper()
	answer, err := s.server.Client().Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return &page{r.URL.RequestURI(), answer.StatusCode, answer.Header, string(body)}
}

// says reports whether all texts stand in the page as they are.
func (p *page) says(texts ...string) bool {
	for _, text := range texts {
		if !strings.Contains(p.body, text) {
			return false
		}
	}
	return true
}

// want wants texts in the page, as they are.
func (p *page) want(t testing.TB, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !p.says(text) {
			t.Errorf("%s does not say %q:\n%s", p.path, text, p.body)
		}
	}
}

// data returns the numbers of a page that have a class, such as kwh, and must read as they are.
func (p *page) data(t testing.TB, class string) (values []string) {
	t.Helper()
	for _, match := range dataElement.FindAllStringSubmatch(p.body, -1) {
		if match[1] != match[3] {
			t.Errorf("%s shows %q for %q", p.path, match[3], match[1])
		}
		if match[2] == class {
			values = append(values, match[1])
		}
	}
	return values
}

var dataElement = regexp.MustCompile(`<data value="([^"]*)" class="([^"]*)">([^<]*)</data>`)

// wantSound holds a page against the rules that all follow: what a browser is told of it, nothing that
// runs or is styled within it, one heading, and nothing from another host.
func (p *page) wantSound(t testing.TB) {
	t.Helper()
	if p.status/100 == 3 {
		return
	}
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin",
	} {
		if got := p.header.Get(name); got != want {
			t.Errorf("%s: header %s is %q, want %q", p.path, name, got, want)
		}
	}
	if policy := p.header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "unsafe") {
		t.Errorf("%s: its policy is %q", p.path, policy)
	}
	if kept := p.header.Get("Cache-Control"); kept != httpkit.KeepNothing && kept != httpkit.KeepAndAsk {
		t.Errorf("%s is kept by caches: %q", p.path, kept)
	}
	for _, vary := range []string{"Accept", "Cookie"} {
		if !strings.Contains(p.header.Get("Vary"), vary) {
			t.Errorf("%s does not vary by %s: %q", p.path, vary, p.header.Get("Vary"))
		}
	}
	tags := strings.Join(slices.Compact(slices.Sorted(slices.Values(anyTag.FindAllString(p.body, -1)))), "\n")
	for what, pattern := range unsound {
		if found := pattern.FindString(tags); found != "" {
			t.Errorf("%s has %s: %q", p.path, what, found)
		}
	}
	if found := bareTable.FindString(p.body); found != "" {
		t.Errorf("%s has a table without a caption: %q", p.path, found)
	}
	for _, empty := range []string{"ZgotmplZ", "%!", "<nil>", "&lt;nil&gt;"} {
		if p.says(empty) {
			t.Errorf("%s has a value that has no text: %s", p.path, empty)
		}
	}
	for _, once := range []string{"<!DOCTYPE html>", "<h1>", `<main id="main">`, " · Meterledger api</title>", "</html>"} {
		if n := strings.Count(p.body, once); n != 1 {
			t.Errorf("%s has %d times %s", p.path, n, once)
		}
	}
	seen := make(map[string]bool)
	for _, match := range idAttribute.FindAllStringSubmatch(p.body, -1) {
		if seen[match[1]] {
			t.Errorf("%s has two elements with the id %s", p.path, match[1])
		}
		seen[match[1]] = true
	}
}

var (
	anyTag      = regexp.MustCompile(`<[^>]*>`)
	idAttribute = regexp.MustCompile(` id="([^"]*)"`)
	bareTable   = regexp.MustCompile(`<table[^>]*>\s*<t(?:head|body|r)`)
)

// unsound is what no page has, in any of its tags: text has no < of its own.
var unsound = map[string]*regexp.Regexp{
	"a script within it":           regexp.MustCompile(`<script(?: type="[a-z]+")?>`),
	"a handler within it":          regexp.MustCompile(`<[^>]*\son[a-z]+=`),
	"a style within it":            regexp.MustCompile(`<style|<[^>]*\sstyle=`),
	"something from another host":  regexp.MustCompile(`(?:src|href|action)="(?:[a-z]+:)?//[^"]*"`),
	"a link that is not absolute":  regexp.MustCompile(`(?:src|href|action)="[^/#?"][^"]*"`),
	"a heading cell without scope": regexp.MustCompile(`<th(?:>| (?:[^>]*[^>a-z])?(?:class|colspan)="[^"]*">)`),
}
