package rest_test

import (
	"bytes"
	"log/slog"
	"regexp"
	"sync"
	"testing"
)

// logged is a log that is read while it is written.
type logged struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestLogTellsWhatOperatorsAskAndWhatADryRunWouldWrite(t *testing.T) {
	var log logged
	s := newScript(t, "asked_test.go")
	s.log = slog.NewTextHandler(&log, nil)
	s.run(`
restart
POST /register_account?owner_name=Tan&address=Road&meter_id=A
=> 200
POST /receive_meter_reading?meter_id=A&timestamp=2026-11-22T23:00:00&reading=10
=> 200
POST /maintenance/start?maintenance_type=daily&dry_run=true
=> 200
< X-Request-Id: *
POST /maintenance/start?maintenance_type=daily
X-Request-Id: by-hand
=> 200
< X-Request-Id: by-hand
POST /shutdown
=> 200
POST /resume
=> 200
POST /restore_data
=> 200
POST /backup?name=one
=> 200
GET /maintenance/status
=> 200
< X-Request-Id: *
`)
	for _, want := range []string{
		`msg="maintenance started" type=daily period=2026-11-22 dry_run=true`,
		`msg="maintenance done" type=daily period=2026-11-22 dry_run=true took=\S+ rows=1`,
		`msg="maintenance done" type=daily period=2026-11-22 dry_run=false took=\S+ rows=1`,
		`msg="an operator asks" request_id=by-hand method=POST path=/maintenance/start parameters="maintenance_type=daily" from=127\.0\.0\.1:\d+`,
		`msg="an operator asks" request_id=\w+ method=POST path=/shutdown `,
		`msg="an operator asks" request_id=\w+ method=POST path=/resume `,
		`msg="an operator asks" request_id=\w+ method=POST path=/restore_data `,
		`msg="an operator asks" request_id=\w+ method=POST path=/backup `,
	} {
		if !regexp.MustCompile(want).MatchString(log.String()) {
			t.Errorf("no %s in\n%s", want, log.String())
		}
	}
	if regexp.MustCompile(`asks.*(receive|register|status)`).MatchString(log.String()) {
		t.Errorf("what meters do and what is only read is logged too:\n%s", log.String())
	}
}

func TestLogTellsWhoChangedAMetersLifeAndHowManyBillsThatRevised(t *testing.T) {
	var log logged
	s := newScript(t, "asked_test.go")
	s.log = slog.NewTextHandler(&log, nil)
	s.run(`
restart
POST /register_account?owner_name=Tan&address=Road&meter_id=A
=> 200
POST /receive_meter_reading?meter_id=A&timestamp=2026-10-01T00:00:00&reading=10
=> 200
POST /receive_meter_reading?meter_id=A&timestamp=2026-10-31T00:00:00&reading=20
=> 200
POST /maintenance/start?maintenance_type=monthly&month=2026-10
=> 200
PATCH /meters/A?max_kw=20&by=Lim
=> 200
PATCH /meters/A
Content-Type: application/json
| {"rolls_over_at":100000,"max_kw":null,"by":"Ng"}
=> 200
POST /meters/A/exchange?at=2026-10-10T00:10&old_reading=15&new_reading=16&by=Lim
=> 200
DELETE /meters/A/exchange?at=2026-10-10T00:10&by=Ong
=> 200
POST /meters/A/exchange?at=2026-10-10T00:10&old_reading=15&new_reading=16.5
=> 200
POST /maintenance/start?maintenance_type=monthly&month=2026-10
=> 200
POST /maintenance/start?maintenance_type=both&date=2026-11-22&month=2026-10
=> 200
POST /maintenance/start?maintenance_type=daily
=> 200
DELETE /meters/A/exchange?at=2026-10-10T00:10&by=
=> 400 invalid_parameter: by is empty
PATCH /meters/A?max_kw=5&by=%0A
=> 400 invalid_parameter: by must be 1 to 200 characters of valid UTF-8 without control characters
`)
	for want, times := range map[string]int{
		`msg="a meter's limits were set" meter_id=A rolls_over_at=<nil> max_kw=20 by=Lim\n`:           1,
		`msg="a meter's limits were set" meter_id=A rolls_over_at=100000 max_kw=<nil> by=Ng\n`:        1,
		`msg="a meter's dial was exchanged" meter_id=A kind=exchange at=2026-10-10T00:10:00 by=Lim\n`: 1,
		`msg="an exchange was taken back" meter_id=A at=2026-10-10T00:10:00 by=Ong\n`:                 1,
		`msg="maintenance done" type=monthly period=2026-10 .* bills_revised=0\n`:                     1,
		`msg="maintenance done" type=monthly period=2026-10 .* bills_revised=1\n`:                     1,
		`msg="maintenance done" type=both period="2026-11-22 and 2026-10" .* bills_revised=0\n`:       1,
		`a meter's limits were set|an exchange was taken back`:                                        3,
		`bills_revised`: 3,
	} {
		if got := len(regexp.MustCompile(want).FindAllString(log.String(), -1)); got != times {
			t.Errorf("%d times, not %d: %s in\n%s", got, times, want, log.String())
		}
	}
}
