package httpkit_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

func TestLogTellsWhoAskedForWhat(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	router, _ := newRouter(slog.LevelInfo, func(r chi.Router) {
		r.Method(http.MethodPost, "/shutdown", httpkit.Asked(log, httpkit.Handler(func(http.ResponseWriter, *http.Request) error {
			if !strings.Contains(out.String(), " asks") {
				t.Error("nothing was logged before the work began")
			}
			return meter.Invalid(meter.CodeAlreadyShutDown, "", "shut already")
		})))
	})
	ask := func(id, agent string) (answered string) {
		request := httptest.NewRequest(http.MethodPost, "http://localhost/shutdown?name=test&owner_name=Tan", nil)
		request.Header.Set("X-Request-Id", id)
		request.Header.Set("User-Agent", agent)
		w := httptest.NewRecorder()
		router.ServeHTTP(w, request)
		return w.Header().Get("X-Request-Id")
	}
	if id := ask("from-a-proxy.7", "curl"); id != "from-a-proxy.7" {
		t.Errorf("the answer has the id %q", id)
	}
	want := `msg="an operator asks" request_id=from-a-proxy.7 method=POST path=/shutdown parameters="name=test" from=192.0.2.1:1234`
	if !strings.Contains(out.String(), want) {
		t.Errorf("no %s in\n%s", want, &out)
	}
	if want := regexp.MustCompile(`msg="the operator was answered" request_id=from-a-proxy.7 method=POST path=/shutdown status=400 took=\S+ error="shut already"`); !want.MatchString(out.String()) {
		t.Errorf("no %s in\n%s", want, &out)
	}
	ask("a-schedule", "daily")
	for _, want := range []string{`msg="daily asks" request_id=a-schedule `, `msg="daily was answered" request_id=a-schedule `} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in\n%s", want, &out)
		}
	}
	if id := ask("forged\nmsg=other", "daily asks"); len(id) != 16 || !strings.Contains(out.String(), `msg="an operator asks" request_id=`+id+" ") {
		t.Errorf("the answer has the id %q; log:\n%s", id, &out)
	}
}

func TestLogTellsOnceAMinuteHowManyWereRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := meter.Unavailable(meter.CodeDiskFull, time.Second, "full")
		router, log := newRouter(slog.LevelInfo, func(r chi.Router) {
			r.Method(http.MethodPost, "/full", httpkit.Handler(func(http.ResponseWriter, *http.Request) error { return full }))
			r.Method(http.MethodPost, "/busy", httpkit.Handler(func(http.ResponseWriter, *http.Request) error {
				return meter.Unavailable(meter.CodeOverloaded, time.Second, "busy")
			}))
			r.Method(http.MethodPost, "/wrong", httpkit.Handler(func(http.ResponseWriter, *http.Request) error {
				return meter.Invalid(meter.CodeInvalidReading, "", "wrong")
			}))
		})
		for _, path := range []string{"/full", "/busy", "/full", "/wrong"} {
			do(router, http.MethodPost, path)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		const want = `level=WARN msg="requests were refused with 503 in the last minute" requests=3 code.disk_full=2 code.overloaded=1` + "\n"
		if got := log.String(); !strings.HasSuffix(got, want) || strings.Count(got, "\n") != 1 {
			t.Fatalf("after a minute:\n%s", got)
		}
		time.Sleep(time.Hour) // in which nothing is refused
		do(router, http.MethodPost, "/busy")
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := log.String(); strings.Count(got, "\n") != 2 || !strings.HasSuffix(got, " requests=1 code.overloaded=1\n") {
			t.Errorf("in the end:\n%s", got)
		}
	})
}

func TestProfilerStandsApartFromTheProgram(t *testing.T) {
	var out bytes.Buffer
	if err := httpkit.ServeProfiler(t.Context(), "127.0.0.1:0", slog.New(slog.NewTextHandler(&out, nil))); err != nil {
		t.Fatal(err)
	}
	at := regexp.MustCompile(`pprof=(\S+)`).FindStringSubmatch(out.String())
	if at == nil {
		t.Fatalf("log: %s", &out)
	}
	for _, profile := range []string{"", "heap?debug=1", "goroutine?debug=1", "cmdline"} {
		response, err := http.Get(at[1] + profile)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", profile, response.Status)
		}
	}
	rebound, err := http.NewRequest(http.MethodGet, at[1], nil)
	if err != nil {
		t.Fatal(err)
	}
	rebound.Host = "evil.example"
	response, err := http.DefaultClient.Do(rebound)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusForbidden {
		t.Errorf("a page of another name gets %s", response.Status)
	}
	router, _ := newRouter(slog.LevelInfo, func(chi.Router) {})
	if response, _ := do(router, http.MethodGet, "/debug/pprof/"); response.StatusCode != http.StatusNotFound {
		t.Errorf("the program itself answers %s", response.Status)
	}
	if err := httpkit.ServeProfiler(t.Context(), "", nil); err != nil {
		t.Error(err)
	}
}
