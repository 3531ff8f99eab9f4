package rest_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// largeAnswers are worth being compressed, smallAnswers are not.
var (
	largeAnswers = []string{
		"/get_readings?meter_id=M00&start=2026-08-01T00:00&end=2026-11-01T00:00&page_size=25000",
		"/get_readings?meter_id=M00&start=2026-08-01T00:00&end=2026-11-01T00:00&page_size=25000&numbers=string",
		"/get_readings?format=csv&meter_id=M00&start=2026-08-01T00:00&end=2026-11-01T00:00",
		"/export_readings?month=2026-10",
	}
	smallAnswers = []string{
		"/get_readings?meter_id=M00&start=2026-08-01T00:00&end=2026-08-01T05:00",
		"/get_readings?format=csv&meter_id=M00&start=2026-08-01T00:00&end=2026-08-01T05:00",
		"/get_readings?meter_id=unknown", "/export_readings?date=2026-10-01", "/meters", "/maintenance/status",
	}
)

// fetch asks as a caller that accepts the encodings, and returns the answer with its body as it came.
func (s *script) fetch(path, encodings string) (*http.Response, string) {
	s.t.Helper()
	header := http.Header{}
	if encodings != "" {
		header.Set("Accept-Encoding", encodings)
	}
	r, err := http.NewRequest(http.MethodGet, s.server.URL+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header = header
	answer, err := (&http.Transport{DisableCompression: true, DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer, string(body)
}

func TestLargeAnswersAreCompressedForThoseWhoAcceptIt(t *testing.T) {
	s := newScript(t, "compressed answers")
	s.fillMonths(2)
	for _, path := range slices.Concat(largeAnswers, smallAnswers) {
		_, want := s.fetch(path, "")
		for encodings, accepted := range map[string]bool{"gzip": true, "br, gzip;q=0.5": true, "": false, "gzip;q=0": false, "br": false} {
			answer, body := s.fetch(path, encodings)
			isPacked := answer.Header.Get("Content-Encoding") == "gzip"
			if isPacked != (accepted && slices.Contains(largeAnswers, path)) {
				t.Errorf("%s for %q has the encoding %q", path, encodings, answer.Header.Get("Content-Encoding"))
			}
			if !strings.Contains(answer.Header.Get("Vary"), "Accept-Encoding") {
				t.Errorf("%s for %q has Vary %q", path, encodings, answer.Header.Get("Vary"))
			}
			size := len(body)
			if isPacked {
				unpacked, err := gzip.NewReader(strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				text, err := io.ReadAll(unpacked)
				if err != nil || size > len(text)/3 {
					t.Errorf("%s: %d bytes are packed into %d, %v", path, len(text), size, err)
				}
				body = string(text)
			}
			if body != want && path != "/maintenance/status" { // which tells the time
				t.Errorf("%s for %q is another answer: %d bytes instead of %d", path, encodings, len(body), len(want))
			}
		}
	}
}

func TestATagHoldsForBothFormsOfAnAnswer(t *testing.T) {
	s := newScript(t, "compressed answers")
	s.fillMonths(1)
	for _, month := range []string{"2026-08", "2026-09", "2026-10"} {
		if err := s.closeMonth(month); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{strings.Replace(largeAnswers[0], "11-01", "10-31", 1), strings.Replace(largeAnswers[2], "11-01", "10-31", 1), largeAnswers[3]} {
		packed, _ := s.fetch(path, "gzip")
		plain, _ := s.fetch(path, "")
		tag := packed.Header.Get("ETag")
		if tag != plain.Header.Get("ETag") || !strings.HasPrefix(tag, `W/"`) || packed.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%s: packed has the tag %q, plain %q", path, tag, plain.Header.Get("ETag"))
		}
		for _, encodings := range []string{"gzip", "identity"} {
			answer := s.send(http.MethodGet, path, http.Header{"If-None-Match": {tag}, "Accept-Encoding": {encodings}}, "")
			answer.Body.Close()
			if answer.StatusCode != http.StatusNotModified || answer.Header.Get("ETag") != tag || answer.Header.Get("Content-Encoding") != "" {
				t.Errorf("%s for %s with its tag: %s, %v", path, encodings, answer.Status, answer.Header)
			}
		}
	}
}

// A compressed stream that is cut must not end like a whole one.
func TestACompressedStreamThatFailsMidwayIsSeenToBeCut(t *testing.T) {
	s := newScript(t, "compressed answers")
	s.fillMonths(4)
	if err := s.closeMonth("2026-10"); err != nil {
		t.Fatal(err)
	}
	s.editArchive("monthly_2026-10.csv", "M03")
	r, err := http.NewRequest(http.MethodGet, s.server.URL+"/export_readings?month=2026-10", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "gzip")
	answer, err := s.server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err == nil || answer.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("the stream ends with %v, encoding %q", err, answer.Header.Get("Content-Encoding"))
	}
}
