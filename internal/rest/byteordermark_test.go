package rest_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestABodyMayBeginWithAByteOrderMark sends what some programs of Windows write.
func TestABodyMayBeginWithAByteOrderMark(t *testing.T) {
	const mark, row = "\ufeff", `{"meter_id":"A","timestamp":"2026-11-20T00:30:00","reading":6}`
	s := newBulkScript(t)
	s.client.Transport = s.server.Client().Transport // no JSON by the document
	r := s.send(http.MethodPost, "/receive_meter_reading", http.Header{"Content-Type": {"application/json"}}, mark+row)
	r.Body.Close()
	if r.StatusCode != http.StatusOK {
		t.Errorf("a reading by itself: %s", r.Status)
	}
	for contentType, body := range map[string]string{
		"application/json":     "[" + row + "]",
		"application/x-ndjson": row + "\n",
		"text/csv":             "meter_id,timestamp,reading\nA,2026-11-20T00:30:00,6\n",
	} {
		if status, verdict := s.postBulk(contentType, "", strings.NewReader(mark+body)); status != http.StatusOK || verdict.Duplicates != 1 {
			t.Errorf("%s: %d %+v", contentType, status, verdict)
		}
		if status, verdict := s.postBulk(contentType, "", strings.NewReader(mark+mark+body)); verdict.Duplicates != 0 {
			t.Errorf("%s with two marks: %d %+v", contentType, status, verdict)
		}
	}
}
