package httpkit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/go-cmp/cmp"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// problem is an error answer as a caller reads it.
type problem struct {
	Type, Title, Detail, Code, Field string
	Status                           int
	Reason                           meter.Reason
}

// newRouter returns a router that has the given routes, and what it logs.
func newRouter(level slog.Level, routes func(chi.Router)) (router chi.Router, log *bytes.Buffer) {
	log = &bytes.Buffer{}
	router = httpkit.NewRouter(httpkit.Program{Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: level})), Metrics: httpkit.NewMetrics(), SwaggerUI: httpkit.SwaggerUI()})
	routes(router)
	return router, log
}

// do returns when the handler has: then the log and the metrics are written too.
func do(h http.Handler, method, target string) (*http.Response, string) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, target, nil)
	r.Host = "localhost"
	h.ServeHTTP(w, r)
	return w.Result(), w.Body.String()
}

func asProblem(t *testing.T, response *http.Response, body string) problem {
	t.Helper()
	if got := response.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type is %q", got)
	}
	var p problem
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatalf("%v in %q", err, body)
	}
	if p.Status != response.StatusCode || p.Title != http.StatusText(p.Status) || p.Type != "about:blank" {
		t.Errorf("status %d, problem %+v", response.StatusCode, p)
	}
	return p
}

func TestErrorsBecomeProblemsByTheirKind(t *testing.T) {
	for name, tt := range map[string]struct {
		err        error
		status     int
		code       string
		field      string
		detail     string
		retryAfter string
	}{
		"invalid":                          {meter.Invalid(meter.CodeInvalidReading, "reading", "must not be negative"), 400, "invalid_reading", "reading", "reading must not be negative", ""},
		"wrapped":                          {fmt.Errorf("recording: %w", meter.UnknownMeter("m-1")), 404, "meter_not_found", "", "meter m-1 is not registered", ""},
		"joined":                           {errors.Join(io.EOF, meter.UnknownMeter("m-1")), 404, "meter_not_found", "", "meter m-1 is not registered", ""},
		"media type":                       {&meter.Error{Kind: meter.KindUnsupportedMedia, Code: meter.CodeUnsupportedMedia}, 415, "unsupported_media_type", "", "", ""},
		"too large":                        {fmt.Errorf("reading: %w", &http.MaxBytesError{Limit: 10}), 413, "too_large", "", "the body is larger than 10 bytes", ""},
		"too many":                         {&meter.Error{Kind: meter.KindTooMany, Code: meter.CodeOverloaded, RetryAfter: time.Minute}, 429, "overloaded", "", "", "60"},
		"unavailable":                      {meter.Unavailable(meter.CodeNotReceiving, 1001*time.Millisecond, "shut down"), 503, "not_receiving", "", "shut down", "2"},
		"no retry given":                   {meter.Unavailable(meter.CodeOverloaded, 0, "full"), 503, "overloaded", "", "full", "1"},
		"unknown":                          {errors.New("open /data/secret: broken"), 500, "internal", "", "something went wrong on our side, it has been logged; the same request may be sent again", ""},
		"cancelled, but not by the caller": {context.Canceled, 500, "internal", "", "something went wrong on our side, it has been logged; the same request may be sent again", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, log := newRouter(slog.LevelInfo, func(r chi.Router) {
				r.Get("/", func(w http.ResponseWriter, r *http.Request) { httpkit.WriteError(w, r, tt.err) })
			})
			response, body := do(s, http.MethodGet, "/")
			want := problem{"about:blank", http.StatusText(tt.status), tt.detail, tt.code, tt.field, tt.status, ""}
			if diff := cmp.Diff(want, asProblem(t, response, body)); diff != "" {
				t.Error(diff)
			}
			if got := response.Header.Get("Retry-After"); got != tt.retryAfter {
				t.Errorf("Retry-After is %q, want %q", got, tt.retryAfter)
			}
			if isLogged := strings.Contains(log.String(), "level=ERROR"); isLogged != (tt.status == 500) {
				t.Errorf("log: %s", log)
			}
			if tt.status == 500 && !strings.Contains(log.String(), tt.err.Error()) {
				t.Errorf("the log does not say %v: %s", tt.err, log)
			}
		})
	}
}

func TestErrorOutsideARouterIsAnsweredTheSame(t *testing.T) {
	w := httptest.NewRecorder()
	httpkit.WriteError(w, httptest.NewRequest(http.MethodGet, "/", nil), meter.UnknownMeter("m-1"))
	if got := asProblem(t, w.Result(), w.Body.String()); got.Code != "meter_not_found" {
		t.Errorf("got %+v", got)
	}
}

func TestCallerWhoHungUpIsNotAnError(t *testing.T) {
	var log bytes.Buffer
	router := httpkit.NewRouter(httpkit.Program{Log: slog.New(slog.NewTextHandler(&log, nil)), Metrics: httpkit.NewMetrics(), SwaggerUI: httpkit.SwaggerUI()})
	router.Get("/slow", func(w http.ResponseWriter, r *http.Request) {
		httpkit.WriteError(w, r, fmt.Errorf("waiting: %w", r.Context().Err()))
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	router.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/slow", nil))
	if w.Code != 499 || w.Body.Len() > 0 || log.Len() > 0 {
		t.Errorf("got %d %q, log %q", w.Code, w.Body, &log)
	}
}

func TestPanicIsA500ThatShowsNothing(t *testing.T) {
	s, log := newRouter(slog.LevelInfo, func(r chi.Router) {
		r.Get("/", func(http.ResponseWriter, *http.Request) { panic("secret") })
	})
	response, body := do(s, http.MethodGet, "/")
	if got := asProblem(t, response, body); got.Code != "internal" || strings.Contains(body, "secret") {
		t.Errorf("got %s", body)
	}
	if !strings.Contains(log.String(), "panic: secret") || !strings.Contains(log.String(), "router_test.go") {
		t.Errorf("the log lacks the reason or the stack: %s", log)
	}
}

func TestAnswerThatFailsHalfWayIsBrokenOff(t *testing.T) {
	for name, fail := range map[string]func(http.ResponseWriter, *http.Request){
		"error": func(w http.ResponseWriter, r *http.Request) { httpkit.WriteError(w, r, errors.New("disk")) },
		"panic": func(http.ResponseWriter, *http.Request) { panic("disk") },
	} {
		t.Run(name, func(t *testing.T) {
			router, log := newRouter(slog.LevelInfo, func(r chi.Router) {
				r.Get("/", func(w http.ResponseWriter, r *http.Request) {
					fmt.Fprintln(w, "meter_id,timestamp,reading")
					if err := http.NewResponseController(w).Flush(); err != nil {
						t.Error(err)
					}
					fail(w, r)
				})
			})
			s := httptest.NewServer(router)
			response, err := http.Get(s.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if body, err := io.ReadAll(response.Body); err == nil {
				t.Errorf("the answer looks whole: %q", body)
			}
			s.Close() // waits for the handler, and so for its log line
			if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "disk") {
				t.Errorf("log: %s", log)
			}
		})
	}
}

func TestUnroutedRequestsAreProblems(t *testing.T) {
	s, _ := newRouter(slog.LevelInfo, func(r chi.Router) {
		nothing := func(http.ResponseWriter, *http.Request) {}
		r.Get("/both", nothing)
		r.Post("/both", nothing)
		r.Post("/post", nothing)
	})
	for _, tt := range []struct {
		method, path string
		status       int
		code, allow  string
	}{
		{"GET", "/nowhere", 404, "not_found", ""},
		{"POST", "/nowhere", 404, "not_found", ""},
		{"BREW", "/nowhere", 404, "not_found", ""},
		{"GET", "/both/", 404, "not_found", ""},
		{"DELETE", "/both", 405, "method_not_allowed", "GET, HEAD, POST"},
		{"BREW", "/both", 405, "method_not_allowed", "GET, HEAD, POST"},
		{"GET", "/post", 405, "method_not_allowed", "POST"},
		{"POST", "/healthz", 405, "method_not_allowed", "GET, HEAD"},
	} {
		response, body := do(s, tt.method, tt.path)
		got := asProblem(t, response, body)
		if got.Status != tt.status || got.Code != tt.code || response.Header.Get("Allow") != tt.allow {
			t.Errorf("%s %s: got %+v, Allow %q", tt.method, tt.path, got, response.Header.Get("Allow"))
		}
	}
}

func TestEncodedPathsAreThoseTheyStandFor(t *testing.T) {
	s, _ := newRouter(slog.LevelInfo, func(r chi.Router) {
		r.Get("/get_consumption", func(http.ResponseWriter, *http.Request) {})
		r.Get("/meters/{meter_id}/gaps", func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, chi.URLParam(r, "meter_id"))
		})
	})
	for _, tt := range []struct {
		path   string
		status int
		body   string
	}{
		{"/get%5Fconsumption", 200, ""},
		{"/get%5fconsumption", 200, ""},
		{"/%67et_consumptio%6E", 200, ""},
		{"/meters/a%2Db/gaps", 200, "a-b"},
		{"/meters/%41%2e%7E%39/gaps", 200, "A.~9"},
		{"/meters/a%2fb%2D/gaps", 200, "a%2fb-"}, // a slash that is no separator stays one
		{"/meters/a%2Fb/nowhere", 404, ""},
		{"/get%255Fconsumption", 404, ""}, // decoded once
	} {
		response, body := do(s, http.MethodGet, tt.path)
		if response.StatusCode != tt.status || tt.status == 200 && body != tt.body {
			t.Errorf("%s: got %s %q", tt.path, response.Status, body)
		}
	}
	response, _ := do(s, http.MethodDelete, "/get%5Fconsumption")
	if response.StatusCode != 405 || response.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("DELETE is %s, Allow %q", response.Status, response.Header.Get("Allow"))
	}
}

func TestALineOfTheLogShowsOnlyTheBeginningOfALongPath(t *testing.T) {
	s, log := newRouter(slog.LevelDebug, func(chi.Router) {})
	do(s, "BREW"+strings.Repeat("X", 5000), "/"+strings.Repeat("%C3%A9", 5000))
	if line := log.String(); len(line) > 1200 || !strings.Contains(line, "path=/ééé") {
		t.Errorf("a line of %d bytes: %.300s", len(line), line)
	}
}

func TestHeadIsAnsweredAsGetIs(t *testing.T) {
	router, _ := newRouter(slog.LevelInfo, func(chi.Router) {})
	s := httptest.NewServer(router)
	defer s.Close()
	get, err := http.Get(s.URL + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer get.Body.Close()
	head, err := http.Head(s.URL + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer head.Body.Close()
	if head.StatusCode != http.StatusOK || head.ContentLength != int64(len("{\"status\":\"ok\"}\n")) || head.ContentLength != get.ContentLength {
		t.Errorf("GET %v, HEAD %v", get, head)
	}
}

func TestMetricsCountRequestsByRouteMethodAndStatus(t *testing.T) {
	all := httpkit.NewMetrics()
	all.Gauge("meters_registered", "Meters.", func() float64 { return 0 })
	router := httpkit.NewRouter(httpkit.Program{Log: slog.New(slog.DiscardHandler), Metrics: all, SwaggerUI: httpkit.SwaggerUI()})
	router.Get("/meters/{id}", func(http.ResponseWriter, *http.Request) {})
	for _, id := range []string{"a", "b"} {
		do(router, http.MethodGet, "/meters/"+id)
	}
	do(router, "BREW", "/meters/a")
	do(router, http.MethodGet, "/nowhere")
	_, text := do(router, http.MethodGet, "/metrics")
	for _, line := range []string{
		`meterledger_http_request_duration_seconds_count{method="GET",route="/meters/{id}",status="200"} 2`,
		`meterledger_http_request_duration_seconds_count{method="other",route="none",status="405"} 1`,
		`meterledger_http_request_duration_seconds_count{method="GET",route="none",status="404"} 1`,
		"meterledger_meters_registered 0", "go_goroutines ", "process_cpu_seconds_total ",
	} {
		if !strings.Contains(text, "\n"+line) {
			t.Errorf("no line %s in\n%s", line, text)
		}
	}
}

func TestRequestsAreLoggedAtDebug(t *testing.T) {
	s, log := newRouter(slog.LevelDebug, func(chi.Router) {})
	do(s, http.MethodGet, "/healthz?secret=1")
	if got := log.String(); !strings.Contains(got, "level=DEBUG") || !strings.Contains(got, "path=/healthz status=200") {
		t.Errorf("log: %s", got)
	}
}

func TestAnswerThatDoesNotEncodeIsA500(t *testing.T) {
	s, _ := newRouter(slog.LevelInfo, func(r chi.Router) {
		r.Get("/", func(w http.ResponseWriter, _ *http.Request) { httpkit.WriteJSON(w, 200, func() {}) })
	})
	if response, body := do(s, http.MethodGet, "/"); asProblem(t, response, body).Status != 500 {
		t.Errorf("got %s", body)
	}
}

func TestGateAnswersNotReadyUntilItIsOpen(t *testing.T) {
	metrics, log := httpkit.NewMetrics(), slog.New(slog.DiscardHandler)
	gate := httpkit.NewGate(httpkit.Program{Log: log, Metrics: metrics, SwaggerUI: httpkit.SwaggerUI()}, func() string { return "replayed 3 of 7 batches" })
	for _, path := range []string{"/readyz", "/receive_meter_reading", "/", "/account?meter_id=1"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			response, body := do(gate, method, path)
			got := asProblem(t, response, body)
			if got.Status != 503 || got.Code != "not_ready" || got.Detail != "replayed 3 of 7 batches" || got.Reason != meter.ReasonStarting || response.Header.Get("Retry-After") != "1" {
				t.Errorf("%s %s: got %+v", method, path, got)
			}
		}
	}
	for _, path := range []string{"/healthz", "/metrics"} {
		if response, _ := do(gate, http.MethodGet, path); response.StatusCode != 200 {
			t.Errorf("%s: got %d", path, response.StatusCode)
		}
	}
	gate.Open(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	if response, _ := do(gate, http.MethodGet, "/readyz"); response.StatusCode != http.StatusTeapot {
		t.Errorf("open: got %d", response.StatusCode)
	}
}

func TestConstantIsAnsweredAsAnyAnswerIs(t *testing.T) {
	body := map[string]string{"status": "ok <&>"}
	constant := httpkit.NewConstant(body)
	s, _ := newRouter(slog.LevelInfo, func(r chi.Router) {
		r.Get("/constant", func(w http.ResponseWriter, _ *http.Request) { constant.Write(w) })
		r.Get("/other", func(w http.ResponseWriter, _ *http.Request) { httpkit.WriteJSON(w, http.StatusOK, body) })
	})
	want, wantBody := do(s, http.MethodGet, "/other")
	for range 2 {
		got, gotBody := do(s, http.MethodGet, "/constant")
		got.Header["X-Request-Id"] = want.Header["X-Request-Id"]
		if diff := cmp.Diff(want.Header, got.Header); diff != "" || gotBody != wantBody || got.StatusCode != want.StatusCode {
			t.Errorf("the constant is answered %d %s, want %d %s\n%s", got.StatusCode, gotBody, want.StatusCode, wantBody, diff)
		}
	}
}
