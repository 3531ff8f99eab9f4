package rest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/meter"
)

// TestRowsOfAMonthThatIsBeingClosedAreToldBeforeAllOthers sends as many rows that are refused
// for good as are listed, and after them one that is worth sending again.
func TestRowsOfAMonthThatIsBeingClosedAreToldBeforeAllOthers(t *testing.T) {
	slow := &slowArchive{vfs.NewMem(), make(chan struct{}), make(chan struct{})}
	s := newScriptOn(t, "rows to send again", slow)
	s.run(`
POST /register_account?owner_name=Tan&address=Road&meter_id=A
=> 200
POST /receive_meter_reading?meter_id=A&timestamp=2026-10-31T23:30:00&reading=20
=> 200`)
	closed := make(chan error, 1)
	go func() {
		answer, err := s.client.Post(s.server.URL+"/maintenance/start?maintenance_type=monthly", "", nil)
		if err == nil {
			err = answer.Body.Close()
		}
		closed <- err
	}()
	<-slow.begun
	var body strings.Builder
	body.WriteString("meter_id,timestamp,reading\n")
	for i := range 1000 {
		fmt.Fprintf(&body, "no%d,2026-10-15T00:00:00,19\n", i)
	}
	body.WriteString("A,2026-10-15T00:00:00,19\nA,2026-10-15T00:30:00,19\nA,2026-11-01T00:00:00,21\n")
	send := func() (*http.Response, bulkVerdict) {
		answer := s.send(http.MethodPost, "/receive_meter_readings", http.Header{"Content-Type": {"text/csv"}}, body.String())
		defer answer.Body.Close()
		var verdict bulkVerdict
		if err := json.NewDecoder(answer.Body).Decode(&verdict); err != nil {
			t.Fatal(err)
		}
		return answer, verdict
	}
	answer, verdict := send()
	if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" || verdict.Code != "maintenance_running" ||
		verdict.Accepted != 1 || verdict.Rejected != 1002 || verdict.Retry != 2 {
		t.Errorf("while October is being closed: %s %+v", answer.Status, verdict)
	}
	if e := verdict.Errors; len(e) != 1000 || e[0].Row != 1001 || e[0].Code != "maintenance_running" || e[1].Row != 1002 || e[2].Row != 1 || e[999].Row != 998 {
		t.Errorf("%d rows are listed, the first are %+v", len(e), e[:min(3, len(e))])
	}
	close(slow.release)
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	answer, verdict = send()
	if answer.StatusCode != http.StatusOK || verdict.Accepted != 2 || verdict.Duplicates != 1 || verdict.Rejected != 1000 || verdict.Retry != 0 {
		t.Errorf("when October is closed: %s %+v", answer.Status, verdict)
	}
}

// limitedDisk says how much space it has.
type limitedDisk struct {
	vfs.FS
	full atomic.Bool
}

func (d *limitedDisk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	if d.full.Load() {
		return vfs.DiskUsage{}, nil
	}
	return vfs.DiskUsage{AvailBytes: 1 << 40}, nil
}

// readerFunc is a part of a body that is empty, and does something when it is read.
type readerFunc func()

func (f readerFunc) Read([]byte) (int, error) {
	f()
	return 0, io.EOF
}

// recorded waits until so many readings are in the store.
func (s *script) recorded(want uint64) {
	for n := uint64(0); n < want; _, n = s.node.Store().Counts() {
		runtime.Gosched()
	}
}

// TestABodyInWhoseMiddleReceptionEndsIsToldWhatWasRecorded sends rows that fill some commits,
// has the ledger take nothing any more, and sends others.
func TestABodyInWhoseMiddleReceptionEndsIsToldWhatWasRecorded(t *testing.T) {
	const before, after = 4096, 1500
	for name, c := range map[string]struct {
		code      string
		end, mend func(*script, *limitedDisk)
	}{
		"a full disk": {
			"disk_full",
			func(_ *script, d *limitedDisk) { d.full.Store(true) },
			func(_ *script, d *limitedDisk) { d.full.Store(false) },
		},
		"a shutdown": {
			"not_receiving",
			func(s *script, _ *limitedDisk) { s.mustDo(s.node.Shutdown) },
			func(s *script, _ *limitedDisk) { s.mustDo(s.node.Resume) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			disk := &limitedDisk{FS: vfs.NewMem()}
			s := newScriptOn(t, name, disk)
			s.run("POST /register_account?owner_name=Tan&address=Road&meter_id=A\n=> 200")
			rows := func(from, to int) string {
				var b strings.Builder
				first := s.zone.Floor(s.now) - 10_000
				for i := from; i < to; i++ {
					fmt.Fprintf(&b, "A,%s,%d\n", s.zone.Stamp(first+meter.Slot(i)), i)
				}
				return b.String()
			}
			header := "meter_id,timestamp,reading\n"
			status, verdict := s.serveBulk(io.MultiReader(
				strings.NewReader(header+rows(0, before)),
				readerFunc(func() { s.recorded(before); c.end(s, disk) }),
				strings.NewReader(rows(before, before+after)),
			))
			if status != http.StatusServiceUnavailable || verdict.Code != c.code || verdict.Accepted != before || verdict.Rejected != after || verdict.Retry != after {
				t.Errorf("%d %s: %d accepted, %d rejected, %d to retry", status, verdict.Code, verdict.Accepted, verdict.Rejected, verdict.Retry)
			}
			if e := verdict.Errors; len(e) != 1000 || e[0].Row != before+1 || e[0].Code != c.code {
				t.Errorf("%d rows are listed, the first is %+v", len(e), e[:min(1, len(e))])
			}
			status, verdict = s.serveBulk(strings.NewReader(header + rows(before, before+after)))
			if status != http.StatusServiceUnavailable || verdict.Code != c.code || len(verdict.Errors) > 0 {
				t.Errorf("before the first row: %d %+v", status, verdict)
			}
			c.mend(s, disk)
			status, verdict = s.serveBulk(strings.NewReader(header + rows(0, before+after)))
			if status != http.StatusOK || verdict.Duplicates != before || verdict.Accepted != after || verdict.Retry != 0 {
				t.Errorf("sent again: %d %+v", status, verdict)
			}
		})
	}
}

func (s *script) mustDo(do func(context.Context) error) {
	if err := do(s.t.Context()); err != nil {
		s.t.Error(err)
	}
}

// serveBulk has the handler read a body of CSV as it is read.
func (s *script) serveBulk(body io.Reader) (status int, verdict bulkVerdict) {
	s.t.Helper()
	r := httptest.NewRequest(http.MethodPost, s.server.URL+"/receive_meter_readings", body)
	r.Header.Set("Content-Type", "text/csv")
	recorder := httptest.NewRecorder()
	s.server.Config.Handler.ServeHTTP(recorder, r)
	if err := json.Unmarshal(recorder.Body.Bytes(), &verdict); err != nil {
		s.t.Fatal(err)
	}
	return recorder.Code, verdict
}

// TestAfterTooManyRefusalsTheRestIsNotRead: a row that is known is no refusal, so that a body
// which was taken can be sent again.
func TestAfterTooManyRefusalsTheRestIsNotRead(t *testing.T) {
	const (
		header  = "meter_id,timestamp,reading\n"
		unknown = "nobody,2026-11-20T00:00:00,5\n"
		broken  = "A,2026-11-20T00:00:00\n"
		less    = "A,2026-11-20T00:30:00,4\n"
		known   = "A,2026-11-20T00:00:00,5\n"
		taken   = "A,2026-11-20T00:30:00,5\n"
	)
	for name, c := range map[string]struct {
		body                  io.Reader
		status                int
		rejectedMin, rejected int
	}{
		"unknown meters":      {repeated(unknown, 1<<20), 400, 100_000, 200_000},
		"lines that are none": {repeated(broken, 1<<20), 400, 100_000, 200_000},
		"registers that fall": {repeated(less, 1<<20), 400, 100_000, 200_000},
		"just enough":         {io.MultiReader(repeated(less, 100_000), strings.NewReader(known)), 400, 100_000, 100_000},
		"one fewer":           {io.MultiReader(repeated(less, 99_999), strings.NewReader(known+less)), 200, 100_000, 100_000},
		"with one between":    {io.MultiReader(repeated(broken, 99_999), strings.NewReader(known), repeated(unknown, 99_999)), 200, 199_998, 199_998},
		"enough after one":    {io.MultiReader(repeated(broken, 10), strings.NewReader(known), repeated(unknown, 100_000), strings.NewReader(known)), 400, 100_010, 100_010},
	} {
		t.Run(name, func(t *testing.T) {
			s := newBulkScript(t)
			read := 0
			status, verdict := s.serveBulk(io.MultiReader(strings.NewReader(header), io.TeeReader(c.body, counter{&read})))
			if status != c.status || verdict.Rejected < c.rejectedMin || verdict.Rejected > c.rejected || (status == 400) != (verdict.Code == "too_many_refusals") || len(verdict.Errors) != 1000 {
				t.Errorf("%d %s: %d rejected, %d listed: %s", status, verdict.Code, verdict.Rejected, len(verdict.Errors), verdict.Detail)
			}
			if read > 8<<20 {
				t.Errorf("%d bytes were read", read)
			}
			if status, verdict := s.serveBulk(strings.NewReader(header + taken)); status != http.StatusOK || verdict.Accepted != 1 {
				t.Errorf("a body after it: %d %+v", status, verdict)
			}
		})
	}
}

type counter struct{ bytes *int }

func (c counter) Write(p []byte) (int, error) {
	*c.bytes += len(p)
	return len(p), nil
}

// TestACallerWhoHangsUpEndsTheWork hangs up in the middle of a body. The server closes only
// when its handlers have returned.
func TestACallerWhoHangsUpEndsTheWork(t *testing.T) {
	s := newBulkScript(t)
	connection, err := net.Dial("tcp", s.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	rows := "meter_id,timestamp,reading\nA,2026-11-20T00:30:00,6\n" + strings.Repeat("A,2026-11-20T00:30:00,6\n", 2000)
	fmt.Fprintf(connection, "POST /receive_meter_readings HTTP/1.1\r\nHost: %s\r\nContent-Type: text/csv\r\nContent-Length: 1000000\r\n\r\n%s", connection.RemoteAddr(), rows)
	s.recorded(2)
	if err := connection.Close(); err != nil {
		t.Fatal(err)
	}
	s.server.Close()
}
