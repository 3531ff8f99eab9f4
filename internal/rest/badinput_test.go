package rest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"meterledger/internal/rest"
)

// endpoints are calls that are right, each with all of its parameters.
var endpoints = []struct {
	method, path string
	parameters   map[string]string
	required     []string
}{
	{"POST", "/register_account", map[string]string{"owner_name": "Lim", "address": "Road", "meter_id": "NEW"}, []string{"owner_name", "address", "meter_id"}},
	{"GET", "/export_accounts", nil, nil},
	{"GET", "/account", map[string]string{"meter_id": "A"}, []string{"meter_id"}},
	{"POST", "/receive_meter_reading", map[string]string{"meter_id": "A", "timestamp": "2026-11-23T05:00:00", "reading": "3"}, []string{"meter_id", "timestamp", "reading"}},
	{"GET", "/get_consumption", map[string]string{"meter_id": "A", "period": "custom", "start": "2026-11-23T00:00:00", "end": "2026-11-23T01:00:00", "compare": "previous", "estimate": "auto", "numbers": "string"}, []string{"meter_id", "period", "start", "end"}},
	{"GET", "/get_readings", map[string]string{
		"meter_id": "A", "start": "2026-11-23T00:00:00", "end": "2026-11-23T01:00:00", "interval": "hour", "order": "asc", "estimate": "linear", "page_size": "5", "format": "json", "numbers": "string",
	}, []string{"meter_id"}},
	{"GET", "/export_readings", map[string]string{"date": "2026-11-22"}, []string{"date"}},
	{"GET", "/export_readings", map[string]string{"month": "2026-10"}, []string{"month"}},
	{"GET", "/meters", map[string]string{"begins_with": "A", "stale_for": "24h", "page_size": "5", "numbers": "number"}, nil},
	{"GET", "/meters/A/gaps", map[string]string{"month": "2026-10"}, []string{"month"}},
	{"GET", "/meters/A", map[string]string{"numbers": "string"}, nil},
	{"PATCH", "/meters/A", map[string]string{"rolls_over_at": "100", "max_kw": "20", "owner_name": "Lim", "address": "Road", "by": "Lim"}, nil},
	{"PATCH", "/meters/A", nil, []string{"rolls_over_at"}},
	{"POST", "/meters/A/exchange", map[string]string{"at": "2026-11-23T05:10:07", "old_reading": "5", "new_reading": "0", "new_serial": "S-2", "reason": "reset", "by": "Lim", "replace": "true"}, []string{"at", "new_reading"}},
	{"DELETE", "/meters/A/exchange", map[string]string{"at": "2026-11-23T05:10:07", "by": "Lim"}, []string{"at"}},
	{"GET", "/exceptions", map[string]string{"date": "2026-11-22", "rule": "SPIKE", "meter_id": "A", "status": "all", "page_size": "5", "format": "json", "numbers": "string"}, nil},
	{"GET", "/exceptions", map[string]string{"month": "2026-10"}, nil},
	{"POST", "/exceptions/resolve", map[string]string{
		"meter_id": "A", "rule": "HIGH", "from": "2026-11-22T18:00:00", "verdict": "accepted", "reason": "a kiln", "by": "Lim",
	}, []string{"meter_id", "rule", "from", "verdict", "reason"}},
	{"POST", "/meters/A/retake", nil, nil},
	{"GET", "/meters/A/history", map[string]string{"from": "2026-11-01", "to": "2026-12-01", "page_size": "5", "numbers": "string"}, nil},
	{"POST", "/credentials", map[string]string{
		"role": "household", "meters": "A", "until": "2026-12-01", "expires_at": "2027-01-01", "label": "Tan",
	}, []string{"role", "meters"}},
	{"POST", "/credentials", map[string]string{"role": "meter", "meters": "*", "certificate_sha256": strings.Repeat("9f", 32)}, []string{"role", "meters"}},
	{"GET", "/credentials", map[string]string{"meter_id": "A", "role": "meter", "page_size": "5"}, nil},
	{"GET", "/whoami", nil, nil},
	{"DELETE", "/credentials/A", map[string]string{"by": "Lim"}, nil}, // whose id is none, and by is not taken
	{"GET", "/get_last_month_bill", map[string]string{"meter_id": "A", "numbers": "string"}, []string{"meter_id"}},
	{"GET", "/get_bill", map[string]string{"meter_id": "A", "month": "2026-10", "numbers": "string"}, []string{"meter_id", "month"}},
	{"POST", "/maintenance/start", map[string]string{"maintenance_type": "both", "date": "2026-11-22", "month": "2026-10", "wait": "true", "archives": "lost"}, []string{"maintenance_type"}},
	{"GET", "/readyz", map[string]string{"for": "readings"}, nil},
	{"GET", "/maintenance/status", nil, nil},
	{"GET", "/cluster", nil, nil},
	{"GET", "/audit", map[string]string{"from": "2026-11-01", "to": "2026-12-01", "page_size": "5"}, nil},
	{"POST", "/shutdown", nil, nil},
	{"POST", "/resume", map[string]string{"clock": "trust"}, nil},
	{"POST", "/restore_data", nil, nil},
	{"POST", "/backup", map[string]string{"name": "good"}, nil},
}

// nothing are values that no parameter takes.
var nothing = []string{
	"\xff\xfe", "a\x00b", strings.Repeat("x", 100_000), "\u202e", "😀", "../../etc/passwd", "' OR 1=1 --", "<script>", " ", "\r\n",
}

// wrong are values that one parameter in particular does not take.
var wrong = map[string][]string{
	"timestamp": {
		"2026-11-23T05:10:00", "2026-11-23T05:00:01", "2026-11-23T05:00:00.5", "05:00:00", "2026-11-23", "0000-01-01T00:00:00", "9999-12-31T23:30:00", "2009-12-31T23:30:00", "2000-01-01T00:00:00",
		"2026-11-23T24:30:00", "2026-11-23T25:00:00", "2026-11-23T05:60:00", "2026-02-30T00:00:00", "2026-13-01T00:00:00", "2026-11-24T00:00:00",
		"2026-11-23T05:00:00+08:15", "2026-11-23T05:00:00+99:00", "2026-11-23T05:00:00 Asia/Singapore", "20261123T050000", "1700000000", "-1", "now",
		"１０２６-11-23T05:00:00", "2026-11-23T05:00:00Z+08:00", "1999-12-31T23:30:00", "10000-01-01T00:00:00",
	},
	"reading": {
		"-1", "-0.1", "-", "+1", "NaN", "nan", "Infinity", "-Infinity", "inf", "1e1000000", "1e-1000000", "1e18", "1e-10", "1234567890123456789", "1.0123456789",
		"0.0000000001", "0x10", "1,000", "1_000", "1.2.3", ".", "1.", ".5", "e5", "1e", "1e+", "٣", "1/2", "true", "1 2",
	},
	"at": {
		"2026-11-23T05:10:00.5", "05:10", "2026-11-23", "0000-01-01T00:00:00", "2009-12-31T23:30:00", "2026-11-23T10:15:01", "2026-11-23T25:00:00", "now",
		"2026-11-23T05:10:00+99:00", "2026-11-23T05:10:00 Asia/Singapore",
	},
	"old_reading":        {"-1", "NaN", "null", "1e18", "1e-10", "1.9", "1,000"},
	"new_reading":        {"-1", "NaN", "null", "1e18", "1e-10", "9.1", "1,000"},
	"new_serial":         {strings.Repeat("ä", 65), "a\tb", "\u200b", "Lim\u202e"},
	"rolls_over_at":      {"0", "-1", "NaN", "NULL", "none", "9", "1e18", "1e-10", "1,000"},
	"max_kw":             {"0", "-1", "NaN", "NULL", "none", "1e18", "1e-10", "60 kW"},
	"start":              {"2026-11-23T00:10:00", "2026-11-23T01:00:00", "2026-11-23T02:00:00", "0000-01-01T00:00:00", "yesterday"},
	"end":                {"2026-11-23T00:00:00", "2026-11-22T00:00:00", "2026-11-23T01:01:00", "tomorrow"},
	"month":              {"2026-13", "2026-00", "2026-1", "26-10", "2026-10-01", "2026", "0000-00"},
	"date":               {"2026-11-31", "2026-1-1", "2026-11", "23.11.2026", "2999-01-01"},
	"begins_with":        {"-", ".A", "A B", "A*", "A%", "Ä", strings.Repeat("A", 65)},
	"meter_id":           {"-A", ".A", "_A", "A B", "A/B", "A,B", "Ä", strings.Repeat("A", 65)},
	"owner_name":         {strings.Repeat("ä", 201), "a\tb", "\x7f", "\u200b\u200d", "\u00a0\u3000", "Lim\u202ehcum"},
	"address":            {strings.Repeat("ä", 201), "a\nb", "\u3164", "Road\u2066"},
	"period":             {"Today", "last_year", "today,this_week"},
	"interval":           {"15min", "HOUR", "60"},
	"order":              {"ASC", "up"},
	"stale_for":          {"24", "h", "0h", "-1h", "1.5h", "1h30m", "24H", "024h", "10001d", "99999999999999d", "1 h", "１h"},
	"estimate":           {"LINEAR", "cubic", "true"},
	"compare":            {"Previous", "last_year", "2026-10"},
	"page_size":          {"0", "-1", "25001", "1.5", "1e2", "0x10", "99999999999999999999"},
	"cursor":             {"A", "!!!!", "AAAAAAAAAA"},
	"format":             {"xml", "CSV"},
	"maintenance_type":   {"restore", "Daily", "all"},
	"role":               {"Operator", "none", "admin", "operator,auditor", "0"},
	"meters":             {"A,", ",A", "A,,A", "A,*", "**", "all", "A B", "null"},
	"until":              {"0000-01-01T00:00:00", "tomorrow", "2026-11-23T05:10:00.5"},
	"expires_at":         {"2026-11-23T10:10:00", "2026-11-23", "0000-01-01T00:00:00", "never", "1700000000", "2027-01-01T05:10:00.5"},
	"label":              {strings.Repeat("ä", 201), "a\tb", "\u200b", "Lim\u202ehcum"},
	"certificate_sha256": {strings.Repeat("9f", 31), strings.Repeat("9f", 33), strings.Repeat("9g", 32), strings.Repeat("00", 32), ":"},
	"clock":              {"Trust", "true", "now"},
	"name":               {".", "..", "-a", "a/b", "a.tmp", "a b", strings.Repeat("a", 65)},
	"for":                {"queries", "Readings", "true"},
	"wait":               {"yes", "0", "TRUE"},
	"rule":               {"high", "NEGATIVE", "HIGH,SPIKE", "1"},
	"status":             {"Open", "closed", "open,accepted"},
	"from":               {"2026-11-22T18:10:00", "0000-01-01T00:00:00", "yesterday", "2026-11-31"},
	"verdict":            {"Accepted", "open", "true"},
	"reason":             {strings.Repeat("ä", 201), "a\tb", "\x7f", "\u200b\u200d"},
	"by":                 {strings.Repeat("ä", 201), "a\nb", "\u3164", "Lim\u202ehcum"},
	"archives":           {"LOST", "found", "true"},
}

func TestBadInputIsRefusedAndChangesNothing(t *testing.T) {
	s := newScript(t, "bad input")
	s.run(`
POST /register_account?owner_name=Tan&address=Road&meter_id=A
=> 200
POST /receive_meter_readings
Content-Type: text/csv
| meter_id,timestamp,reading
| A,2026-11-23T00:00:00,1
| A,2026-11-23T00:30:00,2
| A,2026-11-23T10:00:00,9
=> 200`)
	s.client.Transport = s.server.Client().Transport // what is sent here does not fit the document
	before := s.state()
	for _, e := range endpoints {
		for _, values := range badValues(e.parameters, e.required) {
			s.mustRefuse(e.method, e.path, values)
		}
	}
	if after := s.state(); after != before {
		t.Errorf("bad input changed something:\nbefore %s\nafter  %s", before, after)
	}
}

func TestBadInputIsSentToEveryEndpoint(t *testing.T) {
	missing := rest.Features()
	delete(missing, "POST /receive_meter_readings")        // which takes none: its bodies are below
	delete(missing, "POST /import_accounts")               // the same
	delete(missing, "POST /meters/{meter_id}/corrections") // see TestCorrectionsThatAreWrongAreRefusedAndChangeNothing
	for _, e := range endpoints {
		delete(missing, e.method+" "+strings.Replace(strings.Replace(e.path, "/meters/A", "/meters/{meter_id}", 1), "/credentials/A", "/credentials/{credential_id}", 1))
	}
	for name := range missing {
		t.Errorf("no bad input is sent to %s", name)
	}
}

// badValues makes each parameter bad in every way there is, the others being right.
func badValues(parameters map[string]string, required []string) []url.Values {
	right := url.Values{}
	for name, value := range parameters {
		right.Set(name, value)
	}
	with := func(name string, values ...string) url.Values {
		changed := url.Values{}
		for n, v := range right {
			changed[n] = v
		}
		changed[name] = values
		return changed
	}
	bad := []url.Values{with("unknown", "1"), with("Meter_ID", "A"), with("\xff", "1"), with(strings.Repeat("n", 10_000), "1")}
	for name, value := range parameters {
		bad = append(bad, with(name, value, value), with(name, value, "other"), with(name, ""))
		for _, v := range wrong[name] {
			bad = append(bad, with(name, v))
		}
		for _, v := range nothing {
			if isText := slices.Contains([]string{"owner_name", "address", "reason", "by", "new_serial", "label"}, name); !isText || v == "\xff\xfe" || strings.ContainsAny(v, "\x00\r\u202e") || v == " " || len(v) > 1000 {
				bad = append(bad, with(name, v))
			}
		}
	}
	for _, name := range required {
		missing := with(name)
		delete(missing, name)
		bad = append(bad, missing)
	}
	return bad
}

// mustRefuse sends parameters in each way there is.
func (s *script) mustRefuse(method, path string, values url.Values) {
	s.t.Helper()
	s.mustRefuseRequest(method, path+"?"+values.Encode(), "", nil)
	if method != http.MethodPost && method != http.MethodPatch {
		return
	}
	s.mustRefuseRequest(method, path, "application/x-www-form-urlencoded", []byte(values.Encode()))
	object := map[string]string{}
	for name, v := range values {
		object[name] = v[0]
		if len(v) != 1 { // a repeated name cannot be written this way
			return
		}
	}
	body, err := json.Marshal(object)
	if err != nil {
		s.t.Fatal(err)
	}
	s.mustRefuseRequest(method, path, "application/json", bytes.ReplaceAll(body, []byte(`\ufffd`), []byte("\xff")))
}

func (s *script) mustRefuseRequest(method, target, contentType string, body []byte) {
	s.t.Helper()
	r, err := http.NewRequest(method, s.server.URL+target, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	answer, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	s.wantProblem(answer, fmt.Sprintf("%s %.200s %s %.200s", method, target, contentType, body))
}

// wantProblem wants a 4xx with a detail and a code, and none of our insides.
func (s *script) wantProblem(answer *http.Response, what string) {
	s.t.Helper()
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	var problem struct {
		Status       int
		Detail, Code string
	}
	err = json.Unmarshal(content, &problem)
	if err != nil || answer.StatusCode/100 != 4 || problem.Status != answer.StatusCode || problem.Detail == "" || problem.Code == "" ||
		len(content) > 1000 || strings.Contains(string(content), "goroutine") || strings.Contains(string(content), ".go:") {
		s.t.Errorf("%s\n→ %d %s", what, answer.StatusCode, content)
	}
}

// state is everything that a caller can see of the api.
func (s *script) state() string {
	var all []string
	for _, path := range []string{
		"/get_readings?meter_id=A&format=csv", "/account?meter_id=A", "/account?meter_id=NEW", "/maintenance/status", "/readyz", "/exceptions?status=all",
		"/get_bill?meter_id=A&month=2026-10", "/meters/A", "/credentials",
	} {
		answer := s.send(http.MethodGet, path, http.Header{}, "")
		content, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s %s", answer.Status, content))
	}
	return strings.Join(all, "\n")
}

func TestBadBodiesAreRefusedAndChangeNothing(t *testing.T) {
	s := newScript(t, "bad bodies")
	s.run(`
POST /register_account?owner_name=Tan&address=Road&meter_id=A
=> 200`)
	s.client.Transport = s.server.Client().Transport
	before := s.state()
	long := strings.Repeat(" ", 70_000)
	for _, b := range []struct{ path, contentType, body string }{
		{"/receive_meter_reading", "application/json", `{"meter_id":"A","timestamp":"2026-11-23T00:00:00","reading":1`},
		{"/receive_meter_reading", "application/json", `{"meter_id":"A","timestamp":"2026-11-23T00:00:00","reading":1}{}`},
		{"/receive_meter_reading", "application/json", `{"meter_id":"A","timestamp":"2026-11-23T00:00:00","reading":[1]}`},
		{"/receive_meter_reading", "application/json", `{"meter_id":"A","meter_id":"A","timestamp":"2026-11-23T00:00:00","reading":1}`},
		{"/receive_meter_reading", "application/json", `not json`},
		{"/receive_meter_reading", "application/json", `{"meter_id":"A","timestamp":"2026-11-23T00:00:00","reading":1` + long + `}`},
		{"/receive_meter_reading", "text/plain", `meter_id=A&timestamp=2026-11-23T00:00:00&reading=1`},
		{"/receive_meter_reading", "", `{"meter_id":"A","timestamp":"2026-11-23T00:00:00","reading":1}`},
		{"/receive_meter_reading", "application/x-www-form-urlencoded", `meter_id=A&timestamp=2026-11-23T00:00:00&reading=%zz`},
		{"/receive_meter_reading", "application/x-www-form-urlencoded", "meter_id=A&timestamp=2026-11-23T00:00:00&reading=1" + long},
		{"/receive_meter_reading", "multipart/form-data", `x`},
		{"/receive_meter_readings", "", "meter_id,timestamp,reading\n"},
		{"/receive_meter_readings", "text/csv", ""},
		{"/receive_meter_readings", "text/csv", "A,2026-11-23T00:00:00,1\n"},
		{"/receive_meter_readings", "application/json", ""},
		{"/receive_meter_readings", "application/json", "null"},
		{"/receive_meter_readings", "application/json", "[1,"},
		{"/receive_meter_readings", "application/json", "[]]"},
		{"/receive_meter_readings", "application/json", `[] {"meter_id":"A"}`},
		{"/receive_meter_readings", "text/csv", strings.Repeat("x", 1<<20)},
		{"/receive_meter_readings", "application/json", `["` + strings.Repeat("x", 1<<20)},
		{"/receive_meter_readings", "application/json", strings.Repeat(" ", 1<<20)},
		{"/import_accounts", "", "owner_name,address,meter_id\n"},
		{"/import_accounts", "application/json", "[]"},
		{"/import_accounts", "text/csv", ""},
		{"/import_accounts", "text/csv", "Tan,Road,NEW\n"},
		{"/import_accounts", "text/csv", "meter_id,timestamp,reading\n"},
		{"/import_accounts", "text/csv", strings.Repeat("x", 1<<20)},
		{"/restore_data", "application/json", `{"file":"x"}`},
		{"/shutdown", "application/json", `{"really":true}`},
	} {
		s.mustRefuseRequest(http.MethodPost, b.path, b.contentType, []byte(b.body))
	}
	for _, b := range []struct{ contentType, body string }{
		{"text/csv", "meter_id,timestamp,reading\n\"A,2026-11-23T00:00:00,1\n"},
		{"text/csv", "meter_id,timestamp,reading\n\"" + strings.Repeat("x", 1<<20)},
		{"application/x-ndjson", "{}{}\n"},
		{"application/x-ndjson", "[\n"},
		{"application/x-ndjson", "\xff\n"},
		{"application/x-ndjson", `{"meter_id":"` + long + `"}`},
	} {
		status, verdict := s.postBulk(b.contentType, "", strings.NewReader(b.body))
		if status != http.StatusOK || verdict.Rejected != 1 || verdict.Errors[0].Code != "invalid_row" {
			t.Errorf("%s %.200s: %d %+v", b.contentType, b.body, status, verdict)
		}
	}
	if after := s.state(); after != before {
		t.Errorf("bad bodies changed something:\nbefore %s\nafter  %s", before, after)
	}
}

// TestBodyThatIsCutOffIsRefused hangs up its side before the body is whole.
func TestBodyThatIsCutOffIsRefused(t *testing.T) {
	s := newScript(t, "cut off")
	s.run(`
POST /register_account?owner_name=Tan&address=Road&meter_id=A
=> 200`)
	before := s.state()
	for _, c := range []struct{ path, contentType, rest string }{
		{"/receive_meter_reading", "application/json", "Content-Length: 1000\r\n\r\n{"},
		{"/register_account", "application/x-www-form-urlencoded", "Content-Length: 1000\r\n\r\nmeter_id=A"},
		{"/receive_meter_readings", "text/csv", "Content-Length: 1000\r\n\r\nmeter_id,timest"},
		{"/receive_meter_readings", "text/csv", "Content-Length: 1000\r\n\r\nmeter_id,timestamp,reading\nA,20"},
		{"/receive_meter_readings", "application/json", "Content-Length: 1000\r\n\r\n[{"},
		{"/import_accounts", "text/csv", "Transfer-Encoding: chunked\r\n\r\nzz\r\nfoo"},
		{"/receive_meter_readings", "application/x-ndjson", "Content-Length: 1000\r\n\r\n{"},
		{"/receive_meter_readings", "application/json", "Transfer-Encoding: chunked\r\n\r\nzz\r\nfoo"},
		{"/receive_meter_readings", "text/csv", "Transfer-Encoding: chunked\r\n\r\nzz\r\nfoo"},
		{"/meters/A/corrections", "application/json", "Content-Length: 1000\r\n\r\n{"},
	} {
		connection, err := net.Dial("tcp", s.server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(connection, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\n%s", c.path, c.contentType, c.rest)
		if err := connection.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(connection)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") || !strings.Contains(string(answer), `"code":"invalid_parameter"`) {
			t.Errorf("%+v: %s", c, answer)
		}
		connection.Close()
	}
	if after := s.state(); after != before {
		t.Errorf("a body that was cut off changed something:\nbefore %s\nafter  %s", before, after)
	}
}
