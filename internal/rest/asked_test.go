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
< X-Request-Id: -
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
