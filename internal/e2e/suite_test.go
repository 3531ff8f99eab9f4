package e2e

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"meterledger/api/apitest"
	_ "meterledger/internal/maintenance" // so that go test does not take a result
	"meterledger/internal/meter"
	_ "meterledger/internal/rest" // of other programs than today's from its cache
	"meterledger/internal/tools/suite/programs"
)

// binaries is the folder of the programs, built once for all tests, by the first.
var (
	binaries string
	build    sync.Once
)

func TestMain(m *testing.M) {
	os.Exit(runIn(m))
}

func runIn(m *testing.M) int {
	folder, err := os.MkdirTemp("", "e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	binaries = folder
	return m.Run()
}

// suite is the three running programs and a client that holds all traffic
// against the OpenAPI document.
type suite struct {
	*programs.Suite
	t       *testing.T
	client  *http.Client
	data    string
	archive string
	zone    *meter.Zone
}

func startSuite(t *testing.T) *suite {
	t.Helper()
	return startSuiteIn(t, t.TempDir())
}

// startSuiteIn starts it on folders within one that is there, with further settings.
func startSuiteIn(t *testing.T, folder string, more ...string) *suite {
	t.Helper()
	buildPrograms(t)
	s := &suite{
		t: t, zone: zoneOf(t), data: filepath.Join(folder, "data"), archive: filepath.Join(folder, "Archive"),
		client: &http.Client{Transport: apitest.NewTransport(t, http.DefaultTransport), Timeout: time.Minute},
	}
	var err error
	s.Suite, err = programs.Start(t.Context(), programs.Config{
		BinDir: binaries, Env: append(settings(s.data, s.archive), more...),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // for a test that fails or is skipped before it stops them
		for _, p := range []*programs.Program{s.API, s.Daily, s.Monthly} {
			_ = p.Kill()
		}
	})
	return s
}

func settings(data, archive string) []string {
	return []string{
		"API_ADDR=127.0.0.1:0", "DAILY_ADDR=127.0.0.1:0", "MONTHLY_ADDR=127.0.0.1:0",
		"DATA_DIR=" + data, "ARCHIVE_DIR=" + archive, "BACKUP_DIR=" + filepath.Join(filepath.Dir(data), "backup"), "TIMEZONE=Asia/Singapore",
		"DAILY_HISTORY=" + filepath.Join(filepath.Dir(data), "daily.json"), "MONTHLY_HISTORY=" + filepath.Join(filepath.Dir(data), "monthly.json"),
		"DAILY_SCHEDULE=off", "MONTHLY_SCHEDULE=off", "LOG_LEVEL=info", "LOG_FORMAT=text",
	}
}

// startAPI starts an api alone, on folders of its own, and returns a client that
// holds all traffic against the OpenAPI document.
func startAPI(t *testing.T, connections http.RoundTripper) (*programs.Program, *http.Client) {
	t.Helper()
	buildPrograms(t)
	folder := t.TempDir()
	api, err := programs.StartProgram(t.Context(), programs.Config{
		BinDir: binaries, Env: settings(filepath.Join(folder, "data"), filepath.Join(folder, "Archive")),
	}, programs.API)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := api.Kill(); err != nil {
			t.Error(err)
		}
	})
	return api, &http.Client{Transport: apitest.NewTransport(t, connections), Timeout: time.Minute}
}

// fetchRows returns all that the api has of a meter from one stamp to another: its id,
// the stamp and the register of each reading.
func fetchRows(c *http.Client, base string, id meter.ID, from, to string) ([][]string, error) {
	parameters := url.Values{"meter_id": {string(id)}, "format": {"csv"}, "start": {from}, "end": {to}}
	response, err := c.Get(base + "/get_readings?" + parameters.Encode())
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		content, err := io.ReadAll(response.Body)
		return nil, errors.Join(fmt.Errorf("a query was answered %s: %s", response.Status, content), err)
	}
	rows, err := csv.NewReader(response.Body).ReadAll()
	if err != nil {
		return nil, err
	}
	return rows[1:], nil
}

// call sends a request with its parameters in the query, as the original
// clients do, and decodes the answer into body if it has the wanted status.
func (s *suite) call(method, base, path string, parameters url.Values, status int, body any) {
	s.t.Helper()
	r, err := http.NewRequest(method, base+path+"?"+parameters.Encode(), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.do(r, status, body)
}

// post sends a body.
func (s *suite) post(path, contentType string, content []byte, body any) {
	s.t.Helper()
	r, err := http.NewRequest(http.MethodPost, s.API.URL+path, bytes.NewReader(content))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	s.do(r, http.StatusOK, body)
}

func (s *suite) do(r *http.Request, status int, body any) {
	s.t.Helper()
	answer, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if answer.StatusCode != status {
		s.t.Fatalf("%s %s: %d, want %d: %s", r.Method, r.URL, answer.StatusCode, status, content)
	}
	if err := json.Unmarshal(content, body); err != nil {
		s.t.Fatalf("%s %s: %v in %s", r.Method, r.URL, err, content)
	}
}

// kill ends the api as a power cut would, and starts it again.
func (s *suite) kill() {
	s.t.Helper()
	if err := s.API.Kill(); err != nil {
		s.t.Fatal(err)
	}
	s.restart()
}

func (s *suite) restart() {
	s.t.Helper()
	if err := s.API.Restart(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}
