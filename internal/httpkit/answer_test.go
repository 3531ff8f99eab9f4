package httpkit_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"meterledger/internal/httpkit"
)

func TestAnAnswerThatTheCallerHasIsNotSentAgain(t *testing.T) {
	for _, c := range []struct {
		given []string
		want  bool
	}{
		{nil, false},
		{[]string{`"tag"`}, true},
		{[]string{`W/"tag"`}, true},
		{[]string{`*`}, true},
		{[]string{`"other", "tag"`}, true},
		{[]string{`"other"`, ` "tag" `}, true},
		{[]string{`"other"`}, false},
		{[]string{`tag`}, false},
		{[]string{`"ta"`}, false},
		{[]string{``}, false},
	} {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
		r.Header["If-None-Match"] = c.given
		if got := httpkit.NotModified(w, r, "tag"); got != c.want {
			t.Errorf("If-None-Match %q: %v, want %v", c.given, got, c.want)
		}
		if c.want && (w.Code != http.StatusNotModified || w.Body.Len() > 0) {
			t.Errorf("If-None-Match %q: %d with %d bytes", c.given, w.Code, w.Body.Len())
		}
		if tag, keep := w.Header().Get("ETag"), w.Header().Get("Cache-Control"); tag != `W/"tag"` || keep != "private, no-cache" {
			t.Errorf("If-None-Match %q: ETag %s, Cache-Control %s", c.given, tag, keep)
		}
	}
}

func TestNothingIsKeptUnlessItIsTagged(t *testing.T) {
	plain, failed := httptest.NewRecorder(), httptest.NewRecorder()
	httpkit.WriteJSON(plain, http.StatusOK, struct{}{})
	r := httptest.NewRequest("GET", "/", nil)
	httpkit.NotModified(failed, r, "tag")
	httpkit.WriteError(failed, r, errors.New("it failed after all"))
	for _, w := range []*httptest.ResponseRecorder{plain, failed} {
		if keep := w.Header().Get("Cache-Control"); keep != "no-store" {
			t.Errorf("a %d may be kept: %s", w.Code, keep)
		}
	}
	if tag := failed.Header().Get("ETag"); tag != "" {
		t.Errorf("an error has the tag %s", tag)
	}
}

func TestTheTypeThatIsAcceptedBestIsChosen(t *testing.T) {
	for _, c := range []struct{ accept, want string }{
		{"", "application/json"},
		{"*/*", "application/json"},
		{"text/csv", "text/csv"},
		{"TEXT/CSV; header=present", "text/csv"},
		{"text/*", "text/csv"},
		{"application/json, text/csv", "application/json"},
		{"text/csv, */*;q=0.1", "text/csv"},
		{"text/csv;q=0.5, */*", "application/json"},
		{"text/csv;q=0.5, application/json;q=0.4, */*", "text/csv"},
		{"text/*;q=0.9, text/csv;q=0.1, application/json;q=0.5", "application/json"},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/json"},
		{"text/csv;q=0", "application/json"},
		{"text/csv;q=high", "application/json"},
		{"image/png", "application/json"},
		{"text/csvx", "application/json"},
		{";;;, text/csv", "text/csv"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		if c.accept != "" {
			r.Header.Set("Accept", c.accept)
		}
		if got := httpkit.Prefers(r, "application/json", "text/csv"); got != c.want {
			t.Errorf("Accept: %s gets %s, want %s", c.accept, got, c.want)
		}
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Add("Accept", "application/json;q=0.2")
	r.Header.Add("Accept", "text/csv")
	if got := httpkit.Prefers(r, "application/json", "text/csv"); got != "text/csv" {
		t.Errorf("two Accept headers get %s", got)
	}
}

func TestOnlyTheFirstRangesOfALongAcceptHeaderCount(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	choose := func() string { return httpkit.Prefers(r, "application/json", "text/csv") }
	r.Header.Set("Accept", strings.Repeat("image/png,", 63)+"text/csv")
	if got := choose(); got != "text/csv" {
		t.Errorf("the 64th of 64 ranges gets %s", got)
	}
	r.Header["Accept"] = []string{strings.Repeat(",", 1<<20) + "text/csv", "text/csv"}
	if got := choose(); got != "application/json" {
		t.Errorf("what follows a million commas gets %s", got)
	}
	if allocations := testing.AllocsPerRun(1, func() { choose() }); allocations > 2000 {
		t.Errorf("a million commas cost %.0f allocations", allocations)
	}
}
