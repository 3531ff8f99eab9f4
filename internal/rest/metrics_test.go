package rest_test

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// scrape returns what Prometheus reads.
func (s *script) scrape() string {
	s.t.Helper()
	answer := s.send(http.MethodGet, "/metrics", nil, "")
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		s.t.Fatalf("%s, %v", answer.Status, err)
	}
	return string(text)
}

var (
	figure = regexp.MustCompile(`(?m)^meterledger_(\w+)(?:\{(.*)\})? (.+)$`)
	label  = regexp.MustCompile(`\w+="([^"]*)"`)
	// elsewhere are the figures that depend on the machine or the clock of the test.
	elsewhere = regexp.MustCompile(`^(http_|build_info|journal_|disk_free|last_snapshot|memory_)`)
)

// figures returns the suite's figures that are not 0, by name and the values of the labels.
func (s *script) figures() map[string]string {
	s.t.Helper()
	found := make(map[string]string)
	for _, match := range figure.FindAllStringSubmatch(s.scrape(), -1) {
		name, labels, value := match[1], match[2], match[3]
		for _, l := range label.FindAllStringSubmatch(labels, -1) {
			name = strings.TrimSuffix(name+" "+l[1], " ")
		}
		if value != "0" && !elsewhere.MatchString(name) {
			found[name] = value
		}
	}
	return found
}

func TestEveryFigureIsRightAfterASession(t *testing.T) {
	s := newScript(t, "metrics_test.go")
	s.run(`
POST /register_account?owner_name=Tan&address=Road&meter_id=A
=> 200
POST /register_account?owner_name=Lim&address=Road&meter_id=B
=> 200
POST /receive_meter_reading?meter_id=A&timestamp=2026-10-31T23:00:00&reading=10
=> 200
POST /receive_meter_reading?meter_id=A&timestamp=2026-10-31T23:00:00&reading=10
=> 200
POST /receive_meter_reading?meter_id=A&timestamp=2026-10-31T23:30:00&reading=9
=> 400
POST /receive_meter_reading?meter_id=A&timestamp=2026-10-31T23:00:00&reading=11
=> 400
POST /receive_meter_reading?meter_id=X&timestamp=2026-10-31T23:00:00&reading=11
=> 404
POST /receive_meter_reading?meter_id=A&timestamp=2026-10-31T23:10:00&reading=11
=> 400
POST /receive_meter_reading?meter_id=A&timestamp=2026-10-31T23:00:00&reading=-1
=> 400
POST /receive_meter_reading?meter_id=A&timestamp=2026-10-31T23:00:00
=> 400
POST /receive_meter_reading?meter_id=A&timestamp=2026-11-24T00:00:00&reading=11
=> 400
POST /receive_meter_readings
Content-Type: text/csv
| meter_id,timestamp,reading
| A,2026-10-31T22:30:00,9.5
| A,2026-11-01T00:00:00,11
| A,2026-11-01T00:00:00,11
| B,2026-10-31T23:30:00,3
| X,2026-11-01T00:00:00,11
| A,2026-11-01T00:30:00,x
| A,2026-11-01T00:30:00,1
=> 200 {"accepted":3,"duplicates":1,"rejected":3,"retry":0,"errors":"*"}
# By now everything that was refused is kept.
POST /meters/B/retake
=> 200
`)
	want := map[string]string{
		"accounts": "2", "readings_in_memory": "4", "silent_meters": "2",
		"newest_reading_timestamp_seconds":                 "1793462400", // 2026-11-01T00:00:00+08:00
		"months_to_close":                                  "1",
		"daily_archives_due":                               "2",
		"readings_total single accepted":                   "1",
		"readings_total single duplicate":                  "1",
		"readings_total single rejected reading_decreases": "1",
		"readings_total single rejected reading_conflict":  "1",
		"readings_total single rejected meter_not_found":   "1",
		"readings_total single rejected invalid_timestamp": "2",
		"readings_total single rejected invalid_reading":   "1",
		"readings_total single rejected invalid_parameter": "1",
		"readings_total bulk accepted":                     "3",
		"readings_total bulk duplicate":                    "1",
		"readings_total bulk rejected meter_not_found":     "1",
		"readings_total bulk rejected invalid_reading":     "1",
		"readings_total bulk rejected reading_decreases":   "1",
		"refusals": "3", "refusals_kept_total": "3",
		"accepting shut_down": "1", "accepting disk_full": "1", "accepting disk_slow": "1", "accepting clock_behind": "1", "accepting memory_full": "1",
	}
	got := s.figures()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("after readings: %s", diff)
	}

	s.run(`
POST /maintenance/start?maintenance_type=daily&date=2026-10-31
=> 200
POST /maintenance/start?maintenance_type=monthly&month=2026-10
=> 200
POST /maintenance/start?maintenance_type=monthly&month=2026-10&dry_run=true
=> 200
POST /receive_meter_reading?meter_id=A&timestamp=2026-10-31T22:00:00&reading=9
=> 200
POST /maintenance/start?maintenance_type=monthly&month=2026-10
=> 200
now 2026-11-23T10:20:00
POST /receive_meter_reading?meter_id=A&timestamp=2026-10-01T00:00:00&reading=1
=> 200
POST /receive_meter_reading?meter_id=A&timestamp=2026-11-23T10:00:00&reading=20
=> 200
POST /restore_data
=> 200
POST /shutdown
=> 200
POST /receive_meter_reading?meter_id=A&timestamp=2026-11-23T10:30:00&reading=21
=> 503
`)
	for name, value := range map[string]string{
		"silent_meters": "1", "newest_reading_timestamp_seconds": "1795399200", // B is silent, A is not
		"late_readings_total": "2", "bills_revised_total": "1", "late_months": "1", "months_to_close": "", "accounts": "2",
		"readings_total single accepted":                     "4",
		"readings_total single retry not_receiving":          "1",
		"accepting shut_down":                                "",
		"maintenance_runs_total daily success":               "1",
		"maintenance_runs_total monthly success":             "2",
		"maintenance_runs_total restore success":             "1",
		"maintenance_last_success_timestamp_seconds daily":   "1795399800",
		"maintenance_last_success_timestamp_seconds restore": "1795400400",
	} {
		if got := s.figures()[name]; got != value {
			t.Errorf("at last %s is %q, want %q", name, got, value)
		}
	}

	s.run(`
restart
`)
	after := s.figures()
	for name, value := range map[string]string{
		"accounts": "2", "bills_revised_total": "", "late_months": "1", "silent_meters": "1", "refusals": "3", "refusals_kept_total": "",
		"maintenance_last_success_timestamp_seconds monthly": "1795399800",
	} {
		if after[name] != value {
			t.Errorf("after a restart %s is %q, want %q", name, after[name], value)
		}
	}
}

func TestMetricsAreAsPrometheusWantsThem(t *testing.T) {
	s := newScript(t, "metrics_test.go")
	text := s.scrape()
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	for line := range strings.Lines(text) {
		name, isHelp := strings.CutPrefix(line, "# HELP ")
		if isHelp && !strings.HasPrefix(name, "meterledger_") && !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_") {
			t.Errorf("no prefix: %s", line)
		}
	}
}

func TestABillIsCountedAsRevisedAlsoBehindTheLateMonth(t *testing.T) {
	s := newScript(t, "metrics_test.go")
	s.run(`
POST /register_account?owner_name=Tan&address=Road&meter_id=A
=> 200
POST /receive_meter_readings
Content-Type: text/csv
| meter_id,timestamp,reading
| A,2026-09-15T00:00:00,5
| A,2026-09-30T22:30:00,8
| A,2026-10-01T00:30:00,9
| A,2026-10-31T23:30:00,20
=> 200
POST /maintenance/start?maintenance_type=monthly&month=2026-09
=> 200
POST /maintenance/start?maintenance_type=monthly&month=2026-10
=> 200
`)
	before := s.figures()["bills_revised_total"]
	s.run(`
POST /receive_meter_reading?meter_id=A&timestamp=2026-09-30T23:30:00&reading=8.5
=> 200
POST /maintenance/start?maintenance_type=monthly&month=2026-09
=> 200
`)
	if after := s.figures()["bills_revised_total"]; before != "" || after != "2" {
		t.Errorf("revised bills: %q before the late reading and %q after, want 2", before, after)
	}
}
