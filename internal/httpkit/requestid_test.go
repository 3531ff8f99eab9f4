package httpkit_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// asked returns the id of the answer to a request that has the given ids.
func asked(router http.Handler, path string, ids ...string) (*httptest.ResponseRecorder, string) {
	r := httptest.NewRequest(http.MethodGet, "http://localhost"+path, nil)
	r.Header["X-Request-Id"] = ids
	w := httptest.NewRecorder()
	router.ServeHTTP(w, r)
	return w, w.Header().Get("X-Request-Id")
}

func TestEveryAnswerHasTheIDOfItsRequest(t *testing.T) {
	router, log := newRouter(slog.LevelDebug, func(r chi.Router) {
		r.Method(http.MethodGet, "/refused", httpkit.Handler(func(http.ResponseWriter, *http.Request) error {
			return meter.UnknownMeter("m-1")
		}))
	})
	for _, path := range []string{"/healthz", "/metrics", "/docs/", "/openapi.json", "/refused", "/nowhere"} {
		if _, id := asked(router, path, "from-a-proxy.7"); id != "from-a-proxy.7" {
			t.Errorf("%s: the answer has the id %q", path, id)
		}
		if _, id := asked(router, path); len(id) != 16 {
			t.Errorf("%s: the answer has the id %q", path, id)
		}
	}
	w, id := asked(router, "/refused")
	if want := `"instance":"` + id + `"`; !strings.Contains(w.Body.String(), want) {
		t.Errorf("no %s in %s", want, w.Body)
	}
	if !strings.Contains(log.String(), "request_id="+id+" ") {
		t.Errorf("the log does not have %s:\n%s", id, log)
	}
}

func TestAnIDThatIsNoneIsReplaced(t *testing.T) {
	router, _ := newRouter(slog.LevelInfo, func(chi.Router) {})
	for name, ids := range map[string][]string{
		"empty": {""}, "forged": {"a\nmsg=other"}, "quoted": {`a"b`}, "long": {strings.Repeat("a", 65)}, "not ASCII": {"é"}, "two": {"a", "b"},
	} {
		if _, id := asked(router, "/healthz", ids...); len(id) != 16 {
			t.Errorf("%s: the answer has the id %q", name, id)
		}
	}
}

func TestNewIDsDiffer(t *testing.T) {
	router, _ := newRouter(slog.LevelInfo, func(chi.Router) {})
	seen := make(map[string]bool)
	for range 1000 {
		_, id := asked(router, "/healthz")
		if seen[id] {
			t.Fatalf("%s is given twice", id)
		}
		seen[id] = true
	}
}
