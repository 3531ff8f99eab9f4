package rest_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"meterledger/api"
	"meterledger/internal/closing"
	"meterledger/internal/meter"
)

// TestAllExceptionsOfManyMetersAreListed has 25,000 that are found on two days each: every meter is
// silent since its registration. Pages and CSV tell each once.
func TestAllExceptionsOfManyMetersAreListed(t *testing.T) {
	const meters = 25_000
	s := newScript(t, "exceptions")
	s.setNow("2026-11-20T09:00:00")
	s.trustClock()
	accounts, err := s.node.ImportAccounts(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var want []meter.ID
	for n := range meters {
		want = append(want, meter.ID(fmt.Sprintf("m-%05d", (n*7919)%meters)))
		if err := accounts.Add(n+1, meter.Account{ID: want[n], OwnerName: "Tan", Address: "Road"}); err != nil {
			t.Fatal(err)
		}
	}
	if tally, err := accounts.Flush(); err != nil || tally.Accepted != meters {
		t.Fatal(tally, err)
	}
	s.setNow("2026-11-22T10:10:00")
	for _, day := range []int{20, 21} {
		run, err := s.node.Start(closing.Request{Kind: closing.Daily, Day: meter.Day{Year: 2026, Month: 11, Day: day}})
		if err != nil {
			t.Fatal(err)
		}
		if <-run.Done(); run.Err != nil {
			t.Fatal(run.Err)
		}
	}
	s.client.Transport = s.server.Client().Transport // holding such answers against the document takes long
	var paged []meter.ID
	for cursor, pages := "", 0; cursor != "" || pages == 0; pages++ {
		path := "/exceptions?page_size=999"
		if cursor != "" {
			path += "&cursor=" + cursor
		}
		answer := s.send(http.MethodGet, path, http.Header{}, "")
		var page api.Exceptions
		if err := json.NewDecoder(answer.Body).Decode(&page); err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		for _, e := range page.Results {
			paged = append(paged, e.MeterID)
		}
		if cursor = ""; page.Next != nil {
			cursor = *page.Next
		}
	}
	if !slices.Equal(paged, want) {
		t.Errorf("%d exceptions are on all pages, not %d in the order of registration", len(paged), meters)
	}
	answer := s.send(http.MethodGet, "/exceptions?format=csv", http.Header{}, "")
	defer answer.Body.Close()
	rows, err := csv.NewReader(answer.Body).ReadAll()
	if err != nil || len(rows) != meters+1 || rows[meters][0] != string(want[meters-1]) || rows[1][4] != "39" {
		t.Errorf("as CSV there are %d rows, %v", len(rows), err)
	}
}

// TestRefusedReadingsThatHadToGoAreTold refuses one more of a meter than are kept.
func TestRefusedReadingsThatHadToGoAreTold(t *testing.T) {
	s := newScript(t, "exceptions_test.go")
	first := time.Date(2026, time.October, 1, 0, 0, 0, 0, time.UTC)
	stamp := func(n int) string {
		return first.Add(time.Duration(n) * 30 * time.Minute).Format("2006-01-02T15:04:05")
	}
	s.run("POST /register_account?owner_name=Tan&address=Road&meter_id=A\n=> 200\nPOST /receive_meter_reading?meter_id=A&timestamp=" + stamp(0) + "&reading=42259\n=> 200")
	var all []string
	for n := 1; n <= 1501; n++ {
		all = append(all, fmt.Sprintf("| A,%s,%d.5\n", stamp(n), n))
	}
	exception := `{"meter_id":"A","rule":"DECREASING","from":"%s","to":"%s","value":%d,"threshold":0,"unit":"readings","why":"%d readings, from %d.5 kWh to %d.5 kWh, %swere refused because they are less than 42259 kWh of 2026-10-01T00:00:00.","status":"open","reason":null,"by":null,"resolved_at":null}`
	for _, bulk := range []struct {
		rows []string
		want string
	}{
		{all[:1500], fmt.Sprintf(exception, stamp(1), stamp(1500), 1500, 1500, 1, 1500, "")},
		{all[1500:], fmt.Sprintf(exception, stamp(2), stamp(1501), 1500, 1500, 2, 1501, "and earlier ones that are not kept any more, ")},
	} {
		s.run("POST /receive_meter_readings\nContent-Type: text/csv\n| meter_id,timestamp,reading\n" + strings.Join(bulk.rows, "") + "=> 200\n" +
			"POST /meters/A/retake\n=> 200\n" + // what was refused before is kept then
			`GET /exceptions?rule=DECREASING` + "\n" + `=> 200 {"count":1,"next":null,"not_computed":[],"results":[` + bulk.want + `]}`)
	}
	s.run("restart\nGET /exceptions?rule=DECREASING&meter_id=A\n" + `=> 200 {"count":1,"next":null,"not_computed":[],"results":[` + fmt.Sprintf(exception, stamp(2), stamp(1501), 1500, 1500, 2, 1501, "and earlier ones that are not kept any more, ") + `]}`)
}

// TestLogTellsWhatPeopleDidAboutReadings looks at the lines, one of each that had an effect.
func TestLogTellsWhatPeopleDidAboutReadings(t *testing.T) {
	var log logged
	s := newScript(t, "exceptions_test.go")
	s.log = slog.NewTextHandler(&log, nil)
	const verdict = "POST /exceptions/resolve?meter_id=A&rule=DECREASING&from=2026-11-22T10:00:00&verdict=corrected&by=Ng&reason=misread\n=> 200\n"
	s.run(`
restart
POST /register_account?owner_name=Tan&address=Road&meter_id=A
=> 200
POST /receive_meter_reading?meter_id=A&timestamp=2026-11-22T09:00:00&reading=53
=> 200
POST /receive_meter_reading?meter_id=A&timestamp=2026-11-22T10:00:00&reading=6
=> 400
POST /receive_meter_reading?meter_id=A&timestamp=2026-11-22T11:00:00&reading=7
=> 400
POST /receive_meter_reading?meter_id=A&timestamp=2026-11-22T11:00:00&reading=3
=> 400
POST /receive_meter_reading?meter_id=A&timestamp=2026-11-22T12:00:00&reading=54
=> 200
` + verdict + verdict + `
POST /meters/A/corrections
Content-Type: application/json
| {"reason":"the dial was misread","by":"Ng","corrections":[{"timestamp":"2026-11-22T12:00:00","reading":"8","expect":"54"},{"timestamp":"2026-11-22T09:00:00","reading":"5.3","expect":"53"}]}
=> 200
POST /meters/A/retake
=> 200
`)
	for _, want := range []string{
		`level=INFO msg="an exception was resolved" meter_id=A rule=DECREASING from=2026-11-22T10:00:00 verdict=corrected by=Ng\n`,
		`level=INFO msg="readings were corrected" meter_id=A readings=2 first=2026-11-22T09:00:00 last=2026-11-22T12:00:00 by=Ng\n`,
		`level=INFO msg="refused readings were judged again" meter_id=A accepted=2 duplicates=0 refused=1\n`,
	} {
		if got := regexp.MustCompile(want).FindAllString(log.String(), -1); len(got) != 1 {
			t.Errorf("the log has %d lines %s:\n%s", len(got), want, log.String())
		}
	}
}
