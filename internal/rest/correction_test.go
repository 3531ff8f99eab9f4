package rest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// toBeCorrected registers a meter with readings in October, which is closed, and in November.
const toBeCorrected = `
POST /register_account?owner_name=Tan&address=Road&meter_id=A
=> 200
POST /receive_meter_readings
Content-Type: text/csv
| meter_id,timestamp,reading
| A,2026-10-01T00:00:00,100
| A,2026-10-15T00:00:00,150
| A,2026-11-01T00:00:00,200
| A,2026-11-22T00:00:00,250
| A,2026-11-22T00:30:00,251
| A,2026-11-22T01:00:00,252
=> 200
POST /maintenance/start?maintenance_type=monthly&month=2026-10&wait=true
=> 200`

// correct posts corrections of the meter A and returns the status, and the code and the detail
// of a problem.
func (s *script) correct(contentType, body string) (status int, problem string) {
	s.t.Helper()
	answer := s.send(http.MethodPost, "/meters/A/corrections", http.Header{"Content-Type": {contentType}}, body)
	defer answer.Body.Close()
	var said struct{ Code, Detail, Field string }
	content, err := io.ReadAll(answer.Body)
	if err == nil {
		err = json.Unmarshal(content, &said)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	if said.Field != "" && !strings.HasPrefix(said.Detail, said.Field+" ") {
		s.t.Errorf("%.200s: the field %s is not named in %s", body, said.Field, said.Detail)
	}
	return answer.StatusCode, said.Code + ": " + said.Detail
}

func TestCorrectionsThatAreWrongAreRefusedAndChangeNothing(t *testing.T) {
	s := newScript(t, "bad corrections")
	s.run(toBeCorrected)
	s.client.Transport = s.server.Client().Transport // what is sent here does not fit the document
	before := s.node.Store().Hash()
	list := func(corrections string) string { return `{"reason":"r","corrections":[` + corrections + `]}` }
	one := func(timestamp, reading, expect string) string {
		return fmt.Sprintf(`{"timestamp":%q,"reading":%s,"expect":%s}`, timestamp, reading, expect)
	}
	good := one("2026-11-22T00:00:00", "250.5", "250")
	for body, want := range map[string]string{
		list(good + "," + one("2026-11-22T02:00:00", "253", "252")):   "reading_conflict: corrections[1].expect of 252 kWh is not recorded for 2026-11-22T02:00:00, nor any other reading",
		list(good + "," + one("2026-11-22T01:00:00", "253", "252.1")): "reading_conflict: corrections[1].expect of 252.1 kWh conflicts with 252 kWh, which is recorded for 2026-11-22T01:00:00",
		list(one("2026-11-22T01:00:00", "250.4", "252") + "," + good): "reading_decreases: corrections[0].reading of 250.4 kWh is less than the earlier 251 kWh of 2026-11-22T00:30:00",
		list(one("2026-11-22T00:30:00", "252.1", "251")):              "reading_decreases: corrections[0].reading of 252.1 kWh is more than the later 252 kWh of 2026-11-22T01:00:00",
		list(good + "," + one("2026-10-15T00:00:00", "200.1", "150")): "reading_decreases: corrections[1].reading of 200.1 kWh is more than the later 200 kWh of 2026-11-01T00:00:00",
		list(good + "," + one("2026-10-15T00:00:00", "null", "151")):  "reading_conflict: corrections[1].expect of 151 kWh conflicts with 150 kWh, which is recorded for 2026-10-15T00:00:00",
		list(good + "," + one("2026-10-15T00:30:00", "null", "150")):  "reading_conflict: corrections[1].expect of 150 kWh is not recorded for 2026-10-15T00:30:00, nor any other reading",
		list(good + "," + one("2026-11-22T01:10:00", "null", "150")):  "invalid_timestamp: corrections[1].timestamp must lie on the hour or half hour",
		list(good + "," + good):                                                               "invalid_timestamp: corrections[1].timestamp is that of corrections[0] too",
		list(one("2026-11-22T01:00:00", "252.0", "252")):                                      "invalid_reading: corrections[0].reading of 252 kWh is what it replaces",
		list(one("2026-11-22T01:00:00", "-1", "252")):                                         "invalid_reading: corrections[0].reading must not be negative",
		list(one("2026-11-22T01:00:00", `"NaN"`, "252")):                                      "invalid_reading: corrections[0].reading must be a decimal number such as 1234.567",
		list(one("2026-11-22T01:00:00", "253", "1e99")):                                       "invalid_reading: corrections[0].expect has more than 18 digits",
		list(one("2026-11-22T01:00:00", "true", "252")):                                       "invalid_parameter: corrections[0].reading must be a number or a string",
		list(one("2026-11-22T01:00:00", "[1]", "252")):                                        "invalid_parameter: corrections[0].reading must be a number or a string",
		list(one("2026-11-22T01:00:00", "253", "null")):                                       "invalid_parameter: corrections[0].expect must not be null",
		list(`{"timestamp":1700000000,"reading":1,"expect":2}`):                               "invalid_parameter: corrections[0].timestamp must be a string",
		list(good + `,{"timestamp":"2026-11-22T01:00:00","expect":252}`):                      "invalid_parameter: corrections[1].reading is missing",
		list(good + `,{"timestamp":"2026-11-22T01:00:00","reading":null}`):                    "invalid_parameter: corrections[1].expect is missing",
		list(`{"reading":1,"reading":null,"timestamp":"x","expect":252}`):                     "invalid_parameter: corrections[0].reading is given more than once",
		list(`{"reading":1,"Expect":252}`):                                                    `invalid_parameter: "corrections[0].Expect" is not known here`,
		list(good + ",7"):                                                                     "invalid_parameter: corrections[1] must be an object",
		list(""):                                                                              "invalid_parameter: corrections are none",
		list(strings.Repeat(good+",", 10_000) + good):                                         "invalid_parameter: corrections are more than 10000",
		`{"reason":"r"}`:                                                                      "invalid_parameter: corrections is missing",
		`{"corrections":[` + good + `]}`:                                                      "invalid_parameter: reason is missing",
		`{"reason":"","corrections":[` + good + `]}`:                                          "invalid_parameter: reason is empty",
		`{"reason":"r","by":"","corrections":[` + good + `]}`:                                 "invalid_parameter: by is empty",
		`{"reason":"a\u0000","corrections":[` + good + `]}`:                                   "invalid_parameter: reason must be 1 to 200 characters of valid UTF-8 without control characters",
		`{"reason":"r","by":"` + strings.Repeat("x", 201) + `","corrections":[` + good + `]}`: "invalid_parameter: by must be 1 to 200 characters of valid UTF-8 without control characters",
		`{"reason":"\ud800","corrections":[` + good + `]}`:                                    "invalid_parameter: reason is not valid UTF-8",
		`{"reason":7,"corrections":[` + good + `]}`:                                           "invalid_parameter: reason must be a string",
		`{"reason":"r","corrections":{}}`:                                                     "invalid_parameter: corrections must be a list",
		`{"reason":"r","meter_id":"A","corrections":[` + good + `]}`:                          `invalid_parameter: "meter_id" is not known here`,
	} {
		if status, problem := s.correct("application/json", body); status != http.StatusBadRequest || problem != want {
			t.Errorf("%.200s\n→ %d %s\n want %s", body, status, problem, want)
		}
	}
	broken := `invalid_parameter: what was sent is not one whole JSON object such as {"reason":"…","corrections":[{"timestamp":"2026-11-23T05:00:00","reading":3.5,"expect":5.3}]}`
	for _, body := range []string{"", "null", "[]", "{", "x", list(good)[:40], strings.TrimSuffix(list(good), "}"), `{"reason":"r","corrections":[` + good + `}`, `{"reason":"r",}`} {
		if status, problem := s.correct("application/json", body); status != http.StatusBadRequest || problem != broken {
			t.Errorf("%.200s\n→ %d %s", body, status, problem)
		}
	}
	for want, request := range map[string][2]string{
		"400 invalid_parameter: something follows the JSON object":                        {"application/json", list(good) + "{}"},
		"400 invalid_parameter: the JSON is not valid UTF-8":                              {"application/json", "{\"reason\":\"\xff\"}"},
		"415 unsupported_media_type: corrections are taken as application/json, as it is": {"text/csv", list(good)},
		"413 too_large: the body is larger than 4194304 bytes":                            {"application/json", strings.Repeat(" ", 4<<20) + list(good)},
	} {
		status, problem := s.correct(request[0], request[1])
		if got := fmt.Sprint(status, " ", problem); got != want {
			t.Errorf("%.100s: %s, want %s", request[1], got, want)
		}
	}
	if s.node.Store().Hash() != before {
		t.Error("something has changed")
	}
}

// TestAThousandCorrectionsOfWhichTheLastIsWrong are refused as a whole, and taken once it is right.
func TestAThousandCorrectionsOfWhichTheLastIsWrong(t *testing.T) {
	s := newScript(t, "a thousand corrections")
	s.run("POST /register_account?owner_name=Tan&address=Road&meter_id=A\n=> 200\n")
	var rows, corrections strings.Builder
	rows.WriteString("meter_id,timestamp,reading\n")
	for n := range 1000 {
		stamp := fmt.Sprintf("2026-10-%02dT%02d:%02d:00", n/48+1, n/2%24, n%2*30)
		fmt.Fprintf(&rows, "A,%s,%d\n", stamp, 1000+n)
		if n < 999 {
			fmt.Fprintf(&corrections, `{"timestamp":%q,"reading":%d.5,"expect":%d},`, stamp, 1000+n, 1000+n)
		}
	}
	if status, verdict := s.postBulk("text/csv", "", strings.NewReader(rows.String())); status != http.StatusOK || verdict.Accepted != 1000 {
		t.Fatalf("%d %+v", status, verdict)
	}
	list := func(last string) string {
		return `{"reason":"a wrong factor","corrections":[` + corrections.String() + `{"timestamp":"2026-10-21T19:30:00","reading":` + last + `,"expect":1999}]}`
	}
	before := s.node.Store().Hash()
	status, problem := s.correct("application/json", list("1998.4"))
	if want := "reading_decreases: corrections[999].reading of 1998.4 kWh is less than the earlier 1998.5 kWh of 2026-10-21T19:00:00"; status != http.StatusBadRequest || problem != want {
		t.Errorf("%d %s, want %s", status, problem, want)
	}
	if s.node.Store().Hash() != before {
		t.Error("something has changed")
	}
	if status, problem := s.correct("application/json", list("1999.5")); status != http.StatusOK {
		t.Errorf("%d %s", status, problem)
	}
	s.run(`
GET /get_consumption?meter_id=A&period=custom&start=2026-10-01&end=2026-10-21T19:30:00
=> 200
GET /meters/A/history?page_size=25000
=> 200`)
}

// TestOneWrongReadingShutsNoMeterOut replays a meter of a public log that once sent 334 kWh too
// much and was refused for 20 days: 477 readings, hour by hour.
func TestOneWrongReadingShutsNoMeterOut(t *testing.T) {
	s := newScript(t, "one wrong reading")
	s.run("POST /register_account?owner_name=Tan&address=Road&meter_id=A\n=> 200\n")
	stamp := func(hour int) string { return fmt.Sprintf("2026-11-%02dT%02d:00:00", 1+hour/24, hour%24) }
	post := func(hour int, milli int) int {
		t.Helper()
		reading := fmt.Sprintf("%d.%03d", milli/1000, milli%1000)
		answer := s.send(http.MethodPost, "/receive_meter_reading?meter_id=A&timestamp="+stamp(hour)+"&reading="+reading, http.Header{}, "")
		answer.Body.Close()
		return answer.StatusCode
	}
	const before, wrong, first, last, count = 4_035_974, 4_370_477, 4_036_247, 4_114_191, 477
	register := func(n int) int { return first + (last-first)*n/(count-1) }
	if post(0, before) != http.StatusOK || post(1, wrong) != http.StatusOK {
		t.Fatal("the first readings are not taken")
	}
	for n := range count {
		if status := post(2+n, register(n)); status != http.StatusBadRequest {
			t.Fatalf("after the wrong reading number %d is answered %d", n, status)
		}
	}
	if status, problem := s.correct("application/json", `{"reason":"a wrong reading","corrections":[{"timestamp":"`+stamp(1)+`","reading":4036.1,"expect":4370.477}]}`); status != http.StatusOK {
		t.Fatalf("%d %s", status, problem)
	}
	for n := range count {
		if status := post(2+n, register(n)); status != http.StatusOK {
			t.Fatalf("after the correction number %d is answered %d", n, status)
		}
	}
	at := func(hour int) int {
		if hour == 0 {
			return before
		}
		return register(hour - 2)
	}
	for hour := 0; hour < count; hour += 24 { // every day, the last of them until 22:00
		end := min(hour+24, 1+count)
		var answer struct{ Consumption json.Number }
		s.get(t, "/get_consumption?meter_id=A&period=custom&start="+stamp(hour)+"&end="+stamp(end), &answer)
		used := at(end) - at(hour)
		if got, want := answer.Consumption.String(), strings.TrimRight(strings.TrimRight(fmt.Sprintf("%d.%03d", used/1000, used%1000), "0"), "."); got != want {
			t.Errorf("from %s on %s kWh were used, want %s", stamp(hour), got, want)
		}
	}
}
