package httpkit_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meterledger/api"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// auditLog is an Audit in memory.
type auditLog struct {
	refusal error
	lines   []string
}

func (l *auditLog) note(where string, line api.AuditLine) {
	if line.Status != nil {
		where += " " + http.StatusText(*line.Status)
	}
	l.lines = append(l.lines, where+" "+line.What+" "+string(line.Outcome))
}

func (l *auditLog) Begin(line api.AuditLine) error {
	l.note("begin", line)
	return l.refusal
}

func (l *auditLog) End(line api.AuditLine)     { l.note("end", line) }
func (l *auditLog) Refused(line api.AuditLine) { l.note("refused", line) }

// audited asks a router whose handlers end in different ways, and returns what was written.
func audited(t *testing.T, refusal error, method, path string, headers ...string) (status int, lines []string) {
	t.Helper()
	log := &auditLog{refusal: refusal}
	router := httpkit.NewRouter(httpkit.Program{Log: slog.New(slog.DiscardHandler), Metrics: httpkit.NewMetrics(), SwaggerUI: httpkit.SwaggerUI(), Audit: log})
	answers := func(err error) httpkit.Handler {
		return func(w http.ResponseWriter, _ *http.Request) error {
			if len(log.lines) != 1 {
				t.Errorf("the change begins with the lines %q", log.lines)
			}
			return err
		}
	}
	for path, h := range map[string]http.Handler{
		"/done": answers(nil), "/invalid": answers(meter.UnknownMeter("A")), "/busy": answers(meter.Unavailable(meter.CodeNotReady, time.Second, "busy")),
		"/broken": answers(http.ErrNotSupported), "/gone": answers(context.Canceled),
		"/panic": http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("oh") }),
		"/cut": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(200)
			httpkit.WriteError(w, r, http.ErrNotSupported)
		}),
	} {
		router.Method(http.MethodPost, path, httpkit.For(meter.Operators, h))
		router.Method(http.MethodGet, path, httpkit.For(meter.Operators, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	}
	router.Method(http.MethodPost, "/reading", httpkit.For(meter.Senders, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	r := httptest.NewRequest(method, "http://localhost"+path, nil)
	if path == "/gone" {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r = r.WithContext(ctx)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	func() {
		defer func() { _ = recover() }() // of http.ErrAbortHandler
		router.ServeHTTP(w, r)
	}()
	return w.Code, log.lines
}

func TestAChangeHasALineBeforeItAndOneAfterItHoweverItEnds(t *testing.T) {
	for path, end := range map[string]string{
		"/done": "OK POST /done done", "/invalid": "Not Found POST /invalid refused", "/busy": "Service Unavailable POST /busy refused",
		"/broken": "Internal Server Error POST /broken failed", "/panic": "Internal Server Error POST /panic failed", "/gone": " POST /gone gone", "/cut": "OK POST /cut failed",
	} {
		_, got := audited(t, nil, http.MethodPost, path)
		if diff := cmp.Diff([]string{"begin POST " + path + " begun", "end " + end}, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", path, diff)
		}
	}
}

func TestQuestionsAndReadingsAreNoChanges(t *testing.T) {
	for _, r := range [][2]string{{http.MethodGet, "/done"}, {http.MethodHead, "/done"}, {http.MethodPost, "/reading"}, {http.MethodGet, "/nowhere"}, {http.MethodPost, "/healthz"}} {
		if _, got := audited(t, nil, r[0], r[1]); got != nil {
			t.Errorf("%v leaves %q", r, got)
		}
	}
}

func TestAChangeThatCannotBeWrittenDownIsNotMade(t *testing.T) {
	full := meter.Unavailable(meter.CodeDiskFull, time.Second, "full")
	status, got := audited(t, full, http.MethodPost, "/panic")
	if diff := cmp.Diff([]string{"begin POST /panic begun"}, got); status != http.StatusServiceUnavailable || diff != "" {
		t.Errorf("answered %d (-want +got)\n%s", status, diff)
	}
}

func TestWhoIsRefusedAtTheDoorHasOneLine(t *testing.T) {
	_, got := audited(t, nil, http.MethodPost, "/done", "Origin", "https://evil.example")
	if diff := cmp.Diff([]string{"refused Forbidden POST /done refused"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
