package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"meterledger/internal/meter"
)

// A page of another origin cannot change anything in any of the programs, and a name that
// is made to point at them gets no answer; what is sent without a browser does.
func TestForeignPagesGetNowhereInAnyProgram(t *testing.T) {
	s := startSuite(t)
	for path, base := range map[string]string{
		"/shutdown": s.API.URL, "/perform_daily_maintenance": s.Daily.URL, "/perform_monthly_maintenance": s.Monthly.URL,
	} {
		for _, foreign := range []func(*http.Request){
			func(r *http.Request) {
				r.Header.Set("Origin", "https://evil.example")
				r.Header.Set("Sec-Fetch-Site", "cross-site")
			},
			func(r *http.Request) { r.Host = "evil.example" },
		} {
			r, err := http.NewRequest(http.MethodPost, base+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			foreign(r)
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(answer.Body)
			answer.Body.Close()
			if err != nil || answer.StatusCode != http.StatusForbidden || !strings.Contains(string(body), `"code":"forbidden_origin"`) {
				t.Errorf("%s with %v for %s: %s, %v: %s", path, r.Header, r.Host, answer.Status, err, body)
			}
		}
	}
	var status struct {
		Receiving bool `json:"is_receiving_data"`
	}
	s.call(http.MethodGet, s.API.URL, "/maintenance/status", nil, http.StatusOK, &status)
	if !status.Receiving {
		t.Error("a foreign page has shut reception down")
	}
	s.call(http.MethodPost, s.API.URL, "/shutdown", nil, http.StatusOK, &status)
	if status.Receiving {
		t.Error("a caller without a browser could not shut reception down")
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

// The end of a killed program closes its connections. Over HTTP/1.0 a part of a stream must
// not look whole then.
func TestAStreamThatAKillCutsEndsWithAResetInHTTP10(t *testing.T) {
	api, client := startAPI(t, http.DefaultTransport)
	fillForStream(t, client, api.URL)
	connection, err := net.Dial("tcp", api.Host())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if err := connection.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil { // so that the stream waits for us
		t.Fatal(err)
	}
	fmt.Fprintf(connection, "GET /get_readings?meter_id=%s&format=csv&start=2019-01-01T00:00&end=2026-01-01T00:00 HTTP/1.0\r\n\r\n", streamMeter)
	if _, err := io.ReadFull(connection, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	if err := api.Kill(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.Copy(io.Discard, connection); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the stream ends with %v after %d bytes more", err, rest)
	}
}

// streamMeter has a long id, so that its rows are long.
var streamMeter = strings.Repeat("A", 64)

// fillForStream records seven years of a meter: 11 MB of CSV, which is more than a connection
// buffers.
func fillForStream(t *testing.T, client *http.Client, base string) {
	t.Helper()
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Builder{}
	rows.WriteString("meter_id,timestamp,reading\n")
	at := time.Date(2019, 1, 1, 0, 0, 0, 0, zone.Location())
	for i := range 7 * 365 * 48 {
		fmt.Fprintf(&rows, "%s,%s,%d\n", streamMeter, zone.StampTime(at.Add(time.Duration(i)*30*time.Minute)), i)
	}
	for _, request := range []struct{ path, contentType, body string }{
		{"/register_account?owner_name=Tan&address=Road&meter_id=" + streamMeter, "text/plain", ""},
		{"/receive_meter_readings", "text/csv", rows.String()},
	} {
		answer, err := client.Post(base+request.path, request.contentType, strings.NewReader(request.body))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Fatal(answer.Status)
		}
	}
}
