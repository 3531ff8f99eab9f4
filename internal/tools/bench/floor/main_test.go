package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestFloorCountsTheRowsItThrowsAway(t *testing.T) {
	h := http.HandlerFunc(split)
	for body, want := range map[string]string{
		"meter_id,timestamp,reading\n": `{"accepted":0}`,
		"meter_id,timestamp,reading\nm-1,2026-11-23T00:00:00,1\nm-1,2026-11-23T00:30:00,2\n":   `{"accepted":2}`,
		"meter_id,timestamp,reading\n" + strings.Repeat("m-1,2026-11-23T00:00:00,1\n", 10_000): `{"accepted":10000}`,
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
		if got := strings.TrimSpace(w.Body.String()); got != want {
			t.Errorf("a body of %d bytes is answered %s, want %s", len(body), got, want)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(strings.Repeat("x", 2*splitBytes))))
	if w.Code != http.StatusInternalServerError {
		t.Errorf("a row without an end is answered %d", w.Code)
	}
}
