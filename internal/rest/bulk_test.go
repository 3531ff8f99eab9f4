package rest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

type bulkVerdict struct {
	Accepted, Duplicates, Rejected, Retry int
	Errors                                []struct {
		Row          int
		Code, Detail string
	}
	Code, Detail string // of a problem
}

// postBulk sends a body as it is read, past the check against the document.
func (s *script) postBulk(contentType, encoding string, body io.Reader) (status int, verdict bulkVerdict) {
	s.t.Helper()
	r, err := http.NewRequest(http.MethodPost, s.server.URL+"/receive_meter_readings", body)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	if encoding != "" {
		r.Header.Set("Content-Encoding", encoding)
	}
	answer, err := s.server.Client().Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&verdict); err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode, verdict
}

// newBulkScript has a meter A with a reading.
func newBulkScript(t *testing.T) *script {
	t.Helper()
	s := newScript(t, "bulk")
	s.run(`
POST /register_account?owner_name=Tan&address=Road&meter_id=A
=> 200
POST /receive_meter_reading?meter_id=A&timestamp=2026-11-20T00:00:00&reading=5
=> 200`)
	return s
}

// repeated is a text so many times over, without being held.
func repeated(text string, times int) io.Reader {
	const together = 1 << 10
	part := []byte(strings.Repeat(text, min(times, together)))
	readers := make([]io.Reader, 0, times/together+1)
	for ; times > 0; times -= together {
		readers = append(readers, bytes.NewReader(part[:len(text)*min(times, together)]))
	}
	return io.MultiReader(readers...)
}

// TestABodyOfAnyLengthNeedsTheSameMemory has a duplicate among many rows that are refused:
// too many of these one after the other would end the batch.
func TestABodyOfAnyLengthNeedsTheSameMemory(t *testing.T) {
	s := newBulkScript(t)
	const (
		rows    = 1 << 22
		refused = 1 << 12
		known   = "A,2026-11-20T00:00:00,5\n"
	)
	for name, b := range map[string]struct{ contentType, header, row, known string }{
		"of an unknown meter": {"text/csv", "meter_id,timestamp,reading\n", "a-meter-that-nobody-has-registered-at-all-so-far,2026-11-20T00:00:00,5.000\n", known},
		"that fall":           {"text/csv", "meter_id,timestamp,reading\n", "A,2026-11-20T00:30:00,4.000\n", known},
		"of the past, as JSON": {
			"application/x-ndjson", "", `{"meter_id":"A","timestamp":"2026-11-20T00:00:00","reading":6}` + "\n",
			`{"meter_id":"A","timestamp":"2026-11-20T00:00:00","reading":5}` + "\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			var parts []io.Reader
			for range rows / refused {
				parts = append(parts, repeated(b.row, refused), bytes.NewReader([]byte(b.known)))
			}
			body := io.MultiReader(append([]io.Reader{strings.NewReader(b.header)}, parts...)...)
			runtime.ReadMemStats(&before)
			status, verdict := s.postBulk(b.contentType, "", body)
			runtime.ReadMemStats(&after)
			if status != http.StatusOK || verdict.Rejected != rows || len(verdict.Errors) != 1000 || verdict.Errors[999].Row != 1000 {
				t.Errorf("%d: %d rejected, %d listed", status, verdict.Rejected, len(verdict.Errors))
			}
			// Everything that was allocated, whether it was let go or not: less than 16 bytes for each row.
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 64<<20 {
				t.Errorf("%d MiB were allocated for %d MiB", allocated>>20, len(b.row)*rows>>20)
			}
		})
	}
}

// serve has the handler answer a request without a connection between them.
func (s *script) serve(r *http.Request) string {
	recorder := httptest.NewRecorder()
	s.server.Config.Handler.ServeHTTP(recorder, r)
	return recorder.Body.String()
}

// bulkRowsOf are rows of every fate, as CSV.
const bulkRowsOf = "meter_id,timestamp,reading\r\n" +
	"A,2026-11-20T00:30:00,6\nA,2026-11-20T00:30:00,6.0\r\n\"A\",2026-11-20T01:00:00,7\nnobody,2026-11-20T01:00:00,7\n\n" +
	"A,2026-11-20T01:30:00,1\nA,2026-11-20T01:10:00,9\n A , 2026-11-20 02:00 ,8e0\nA,2026-11-20T00:00:00,4\nA,x,y\nA,2026-11-20T02:30:00,9"

func TestABodyHasTheSameVerdictsHoweverItArrives(t *testing.T) {
	var want bulkVerdict
	for name, in := range map[string]func(io.Reader) io.Reader{
		"whole": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader, "in halves": iotest.HalfReader,
	} {
		s := newBulkScript(t)
		status, verdict := s.postBulk("text/csv", "", in(strings.NewReader(bulkRowsOf)))
		if status != http.StatusOK || verdict.Accepted != 4 || verdict.Duplicates != 1 || verdict.Rejected != 5 {
			t.Errorf("%s: %d %+v", name, status, verdict)
		}
		if want.Accepted > 0 && !cmp.Equal(verdict, want) {
			t.Errorf("%s: %s", name, cmp.Diff(want, verdict))
		}
		want = verdict
	}
}

func TestABodyThatIsCutAtAnyByteKeepsTheRowsBefore(t *testing.T) {
	s := newBulkScript(t)
	const header, row = "meter_id,timestamp,reading\n", "A,2026-11-20T00:00:00,5\n"
	text := header + row + row + "\"A\",2026-11-20T00:00:00,5\n" + row
	for cut := range len(text) {
		broken := io.MultiReader(strings.NewReader(text[:cut]), iotest.ErrReader(io.ErrUnexpectedEOF))
		r, err := http.NewRequest(http.MethodPost, s.server.URL+"/receive_meter_readings", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "text/csv")
		r.Body = io.NopCloser(broken)
		answer := s.serve(r)
		whole := max(0, strings.Count(text[:cut], "\n")-1)
		counted := fmt.Sprintf("is cut off in row %d; before it 0 rows were accepted, %d were duplicates and 0 were rejected", whole+1, whole)
		if cut < len(header) {
			counted = "is cut off in row 1"
		}
		if !strings.Contains(answer, counted) && !(cut < len(header) && strings.Contains(answer, "the first line must be")) {
			t.Errorf("cut at %d: %s, want %q", cut, answer, counted)
		}
	}
}

func TestPackedBodiesAreTaken(t *testing.T) {
	s := newBulkScript(t)
	var zipped, zstandard bytes.Buffer
	g := gzip.NewWriter(&zipped)
	z, err := zstd.NewWriter(&zstandard, zstd.WithWindowSize(1<<20))
	if err != nil {
		t.Fatal(err)
	}
	text := "meter_id,timestamp,reading\n" + strings.Repeat("A,2026-11-20T00:00:00,5\n", 10_000)
	for _, w := range []io.WriteCloser{g, z} {
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for encoding, packed := range map[string][]byte{"gzip": zipped.Bytes(), "zstd": zstandard.Bytes(), "identity": []byte(text)} {
		status, verdict := s.postBulk("text/csv", encoding, bytes.NewReader(packed))
		if status != http.StatusOK || verdict.Duplicates != 10_000 {
			t.Errorf("%s: %d %+v", encoding, status, verdict)
		}
		status, verdict = s.postBulk("text/csv", encoding, bytes.NewReader(packed[:len(packed)-1]))
		if encoding != "identity" && (status != http.StatusBadRequest || !strings.Contains(verdict.Detail, "before it")) {
			t.Errorf("%s, cut off: %d %+v", encoding, status, verdict)
		}
	}
}

// TestAPackedBodyThatBecomesTooLargeIsRefused sends some megabytes that become more than a
// gigabyte, none of them many times longer than what was sent.
func TestAPackedBodyThatBecomesTooLargeIsRefused(t *testing.T) {
	s := newBulkScript(t)
	random, row := rand.NewChaCha8([32]byte{}), bytes.Repeat([]byte("x"), 60<<10)
	row[len(row)-1] = '\n'
	var packed bytes.Buffer
	z, err := zstd.NewWriter(&packed, zstd.WithWindowSize(1<<20))
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n <= 1<<30; n += len(row) {
		_, _ = random.Read(row[:400])
		for i := range 400 {
			row[i] |= 0x80 // no line break
		}
		if _, err := z.Write(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	size := packed.Len()
	status, verdict := s.postBulk("application/x-ndjson", "zstd", &packed)
	if status != http.StatusRequestEntityTooLarge || verdict.Code != "too_large" || !strings.Contains(verdict.Detail, "1073741824 bytes") {
		t.Errorf("%d bytes: %d %+v", size, status, verdict)
	}
}
