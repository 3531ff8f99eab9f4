package pages_test

import (
	"net/http"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"meterledger/api"
	"meterledger/internal/meter"
)

func TestCoverageCountsEachMeterOnceByTheHalfHourOfItsLatestReading(t *testing.T) {
	s := start(t)
	s.setNow("2026-11-23T10:26:00")
	s.register("A", "B", "C", "D", "E", "F")
	s.record("A", "2026-11-23T09:30", "1", "2") // of 9:30 and 10:00
	s.record("B", "2026-11-23T10:00", "1", "2") // its clock is ahead
	s.record("C", "2026-11-23T09:30", "1")
	s.record("D", "2026-11-23T06:30", "1")
	s.record("E", "2026-11-23T06:00", "1")
	p := s.open("/ui/operator", "")
	var rows [][]string
	for _, row := range coverageRow.FindAllStringSubmatch(p.body, -1) {
		rows = append(rows, row[1:])
	}
	want := [][]string{
		{"2026-11-23T10:00:00", "33.3", "2", "4", "2"},
		{"2026-11-23T09:30:00", "50.0", "3", "3", "1"},
		{"2026-11-23T09:00:00", "50.0", "3", "3", "0"},
		{"2026-11-23T08:30:00", "50.0", "3", "3", "0"},
		{"2026-11-23T08:00:00", "50.0", "3", "3", "0"},
		{"2026-11-23T07:30:00", "50.0", "3", "3", "0"},
		{"2026-11-23T07:00:00", "50.0", "3", "3", "0"},
		{"2026-11-23T06:30:00", "66.6", "4", "2", "1"},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Error(diff)
	}
	p.want(t, "How many of 6 meters", "before that: 1 meter. Never reported: 1.")

	s.record("F", "2026-11-23T10:00", "1")
	if again := s.open("/ui/operator", ""); !again.says("Never reported: 1.") {
		t.Error("the meters were counted again at once")
	}
	s.setNow("2026-11-23T10:26:05")
	s.open("/ui/operator", "").want(t, "Never reported: 0.")
}

var coverageRow = regexp.MustCompile(`<time datetime="([^"]*)">[0-9:]*</time></th><td class="num">([0-9.]*) %</td><td class="level">.*?</td><td class="num">([0-9,]*)</td><td class="num">([0-9,]*)</td><td class="num">([0-9,]*)</td>`)

func TestNowSaysWhetherReadingsAreTakenAndOffersWhatFollows(t *testing.T) {
	s := startGuarded(t)
	auditor := s.issue(meter.RoleAuditor)
	const shutdown, resume = "/ui/operator/actions/shutdown", "/ui/operator/actions/resume"
	p := s.open("/ui/operator", s.operator)
	p.want(t, "Readings are taken.", shutdown)
	if p.says(resume) {
		t.Error("reception can be resumed, though it is on")
	}
	s.ask(http.MethodPost, "/shutdown", "", nil)
	p = s.open("/ui/operator", s.operator)
	p.want(t, "<strong>Readings are not taken:</strong>", "shut down", resume)
	if p.says(shutdown) {
		t.Error("reception can be shut down, though it is")
	}
	for _, path := range []string{"/ui/operator", "/ui/operator/archives", "/ui/operator/archives?month=2026-11", "/ui/operator/runs"} {
		if p := s.open(path, auditor); p.says("/actions/") {
			t.Errorf("an auditor is offered an action on %s", path)
		}
	}
}

func TestArchivesAndRunsTellWhatTheAPITells(t *testing.T) {
	s := start(t)
	s.register("A")
	s.record("A", "2026-10-31T23:00", "1", "2", "3", "4")
	s.open("/ui/operator/runs", "").want(t, "Sat 31 Oct 2026", "October 2026</a>")
	s.ask(http.MethodPost, "/maintenance/start?maintenance_type=daily&date=2026-10-31", "", nil)
	s.ask(http.MethodPost, "/maintenance/start?maintenance_type=monthly&month=2026-10", "", nil)
	var status api.MaintenanceStatus
	s.ask(http.MethodGet, "/maintenance/status", "", &status)
	page := s.open("/ui/operator/archives?month=2026-10", "")
	for _, a := range status.Archives {
		page.want(t, a.SHA256, a.WrittenAt)
	}
	if len(status.Archives) != 2 {
		t.Errorf("%+v", status.Archives)
	}
	s.open("/ui/operator/archives", "").want(t, "October 2026", "1 of 31")
	s.open("/ui/operator/runs", "").want(t, "<code>daily_2026-10-31.csv</code>", "<code>monthly_2026-10.csv</code>")
	if p := s.get("/ui/operator/archives?month=2026-13", ""); p.status != http.StatusBadRequest || !p.says("month") {
		t.Errorf("a month that there is not: %d %s", p.status, p.body)
	}
}
