package pages_test

import (
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"meterledger/internal/meter"
)

const logPath = "/ui/operator/log"

// lines returns the lines of a page of the log, as "WHAT OUTCOME".
func (p *page) lines() (all []string) {
	for _, match := range regexp.MustCompile(`<code>([^<]*)</code>[^\n]*\n<td><span class="badge [a-z]*">([a-z]+)</span>`).FindAllStringSubmatch(p.body, -1) {
		all = append(all, match[1]+" "+match[2])
	}
	return all
}

func TestTheLogSaysWhoDidWhat(t *testing.T) {
	s := startGuarded(t)
	s.register("A")
	auditor := s.issue(meter.RoleAuditor)
	s.press(actionsPath+"shutdown", s.operator, form("step", "do"))
	s.press(actionsPath+"shutdown", s.operator, form("step", "do"))
	s.ask(http.MethodPatch, "/meters/A?max_kw=20", "", nil)
	s.get(actionsPath+"shutdown", auditor)
	page := s.open(logPath, auditor)
	want := "GET /ui/operator/actions/shutdown refused, PATCH /meters/A done, POST /shutdown refused, POST /shutdown done"
	if got := strings.Join(page.lines(), ", "); got != want {
		t.Errorf("it has\n%s\nwant\n%s", got, want)
	}
	page.want(t, "<b>Shut reception down</b>", "<b>Change a meter&#39;s settings</b>", "max_kw=20", "<bdi>a test</bdi>", "operator 127.0.0.1", "auditor 127.0.0.1", `<time datetime="2026-11-23T10:10:00">Mon 23 Nov 2026 10:10</time>`)
	for _, other := range []string{s.issue(meter.RoleHousehold, "A"), s.issue(meter.RoleMeter)} {
		if got := s.get(logPath, other); got.status != http.StatusForbidden {
			t.Errorf("somebody who may not: %d", got.status)
		}
	}
}

func TestWhatACallerSaysOfItselfIsTextInTheLog(t *testing.T) {
	s := start(t)
	s.register("A")
	s.ask(http.MethodPatch, "/meters/A?max_kw=20&by=%3Cb%3E%22Tan", "", nil)
	s.open(logPath, "").want(t, "<bdi>&lt;b&gt;&#34;Tan</bdi>")
	s.ask(http.MethodPost, "/shutdown", "", nil)
	s.open(logPath, "").want(t, "not said")
}

func TestTheLogIsTurnedOverFromTheNewestToTheOldest(t *testing.T) {
	s := start(t)
	s.register("A")
	for range 60 {
		s.ask(http.MethodPatch, "/meters/A?max_kw=20", "", nil)
	}
	first := s.open(logPath+"?from=&to=", "")
	next := regexp.MustCompile(`rel="next" href="([^"]*)"`).FindStringSubmatch(first.body)
	if next == nil {
		t.Fatal(first.body)
	}
	lines := first.lines()
	for pages := 0; next != nil && pages < 5; pages++ {
		page := s.open(html.UnescapeString(next[1]), "")
		page.want(t, "First page")
		lines = append(lines, page.lines()...)
		next = regexp.MustCompile(`rel="next" href="([^"]*)"`).FindStringSubmatch(page.body)
	}
	if got := strings.Count(strings.Join(lines, "\n"), "PATCH /meters/A done"); got != 60 || len(lines) != 60 {
		t.Errorf("%d lines, of which %d are the 60 changes", len(lines), got)
	}
}

func TestTheLogOfADayHasTheWholeDay(t *testing.T) {
	s := start(t)
	s.register("A")
	for _, now := range []string{"2026-11-23T23:59:59", "2026-11-24T00:00:00", "2026-11-24T23:59:59", "2026-11-25T00:00:01"} {
		s.setNow(now)
		s.ask(http.MethodPatch, "/meters/A?max_kw=20", "", nil)
	}
	day := s.open(logPath+"?from=2026-11-24&to=2026-11-24", "")
	if len(day.lines()) != 2 {
		t.Errorf("it has %v", day.lines())
	}
	day.want(t, "2026-11-24T00:00:00", "2026-11-24T23:59:59")
	s.open(logPath+"?to=2026-11-22", "").want(t, "Nobody changed anything in that time.")
	s.get(logPath+"?from=2026-11-24&to=2026-11-22", "").wantProblem(t, "To must not lie before from.")
	s.get(logPath+"?from=yesterday", "").wantProblem(t, "From must be a timestamp such as 2026-11-23T14:30:00 or 2026-11-23T06:30:00Z, or a date such as 2026-11-23.")
}
