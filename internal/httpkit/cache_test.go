package httpkit_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
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
		if tag, keep := w.Header().Get("ETag"), w.Header().Get("Cache-Control"); tag != `"tag"` || keep != "private, no-cache" {
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
