package rest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestPagesThatNobodyReadsLeaveRoomForOthers: one caller has as many pages as it may, and takes
// none of them.
func TestPagesThatNobodyReadsLeaveRoomForOthers(t *testing.T) {
	s := newScript(t, "pages")
	s.fillMonths(1)
	for path, stuck := range map[string]int{
		"/get_readings?meter_id=M00&start=2026-08-01&end=2026-11-01&page_size=5000": 64,
		"/meters?page_size=25000": 2, "/credentials?page_size=25000": 2, "/audit?page_size=25000": 2,
	} {
		t.Run(path, func(t *testing.T) { pagesStick(t, s, path, stuck) })
	}
}

// pagesStick has pages of which a caller takes none, as many as it may have.
func pagesStick(t *testing.T, s *script, path string, stuck int) {
	begun, release, ended := make(chan struct{}), make(chan struct{}), make(chan bool)
	for range stuck {
		go func() {
			c := newStepwise(func(chunk int) error {
				if chunk == 1 {
					begun <- struct{}{}
					<-release
				}
				return nil
			})
			ended <- c.ask(t.Context(), s, path)
		}()
	}
	for range stuck {
		<-begun
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel() // so that the test need not wait as long as a caller would
	for address, want := range map[string]int{"192.0.2.1:1": 499, "192.0.2.2:1": http.StatusOK} {
		c := newStepwise(func(int) error { return nil })
		c.from = address
		if broken := c.ask(gone, s, path); broken || max(c.status, http.StatusOK) != want || (c.body.Len() > 0) != (want == http.StatusOK) {
			t.Errorf("a page for %s was answered %d with %d bytes", address, c.status, c.body.Len())
		}
	}
	close(release)
	for range stuck {
		if <-ended {
			t.Error("a page was broken off")
		}
	}
}

// TestABodyIsNotReadOnWhenItsCallerHasGone sends refusals with a row between that is known, so
// that they are never too many, and goes away after some of them.
func TestABodyIsNotReadOnWhenItsCallerHasGone(t *testing.T) {
	const together = 10_000
	s := newBulkScript(t)
	ctx, cancel := context.WithCancel(t.Context())
	part := strings.Repeat("{}\n", together) + `{"meter_id":"A","timestamp":"2026-11-20T00:00:00","reading":5}` + "\n"
	read := 0
	rest := io.TeeReader(repeated(part, 1000), counter{&read})
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, s.server.URL+"/receive_meter_readings",
		io.MultiReader(strings.NewReader(part), readerFunc(cancel), rest))
	r.Header.Set("Content-Type", "application/x-ndjson")
	recorder := httptest.NewRecorder()
	s.server.Config.Handler.ServeHTTP(recorder, r)
	if recorder.Code != 499 || read > 1<<20 {
		t.Errorf("status %d, and %d bytes were read after the caller had gone", recorder.Code, read)
	}
	if status, verdict := s.serveBulk(strings.NewReader(fmt.Sprintf("meter_id,timestamp,reading\nA,2026-11-20T00:30:00,%d\n", 5))); status != http.StatusOK || verdict.Accepted != 1 {
		t.Errorf("a body after it: %d %+v", status, verdict)
	}
}
