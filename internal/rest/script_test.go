package rest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"meterledger/api/apitest"
	"meterledger/internal/access"
	"meterledger/internal/durable"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
	"meterledger/internal/node"
	"meterledger/internal/pages"
	"meterledger/internal/rest"
)

// TestScripts runs the scripts in testdata: HTTP as one reads it, one file a
// feature. Each gets an empty api of its own.
//
//	# a comment
//	now 2026-11-23T10:10:00            the present, until it is set again; an operator trusts it
//	clock 2026-11-23T10:10:00          the present, and nobody says that it is right
//	file daily_2026-11-22.csv          an archive file appears, with the | lines as its content
//	remove daily_2026-11-22.csv        an archive file is gone
//	access on                          from here on callers need a credential: an operator's is sent unless the script
//	                                   says other, see guard
//	credential $name role=auditor      an operator makes a credential, with these parameters, and its token is kept
//	as $name                           whose token the requests have from here on; "as nobody": none
//	restart                            the api is closed and opened again on the same files
//	POST /path?query                   a request
//	Header: value
//	| a line of the body
//	=> 200 {"json": "*"}               its answer; "*" stands for anything, lines that are
//	   indented go on with the answer
//	=> 400 code: the whole detail      an error
//	=> 200 | a line                    a body that is not JSON, line by line
//	| another line
//	< Header: value                    a header of the answer; "*" stands for any value, "-" for
//	                                   none, and $name keeps it for the requests that follow
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := newScript(t, file)
			s.run(string(text))
		})
	}
}

type script struct {
	t      testing.TB
	file   string
	line   int // of the request that is being run
	fs     vfs.FS
	zone   *meter.Zone
	now    time.Time
	node   *node.Node
	server *httptest.Server
	client *http.Client
	log    slog.Handler      // of the node and the handler from the next restart on
	kept   map[string]string // values of headers and tokens, by $name

	isGuarded bool           // access is on
	issuer    *access.Issuer // whose JWTs are taken then, if there is one
	as        string         // the token that requests have, unless they have a header of their own; empty for none
}

func newScript(t testing.TB, file string) *script {
	t.Helper()
	return newScriptOn(t, file, vfs.NewMem())
}

func newScriptOn(t testing.TB, file string, fs vfs.FS) *script {
	t.Helper()
	return newScriptIn(t, file, fs, "Asia/Singapore")
}

func newScriptIn(t testing.TB, file string, fs vfs.FS, zoneName string) *script {
	t.Helper()
	zone, err := meter.LoadZone(zoneName)
	if err != nil {
		t.Fatal(err)
	}
	s := &script{t: t, file: file, fs: fs, zone: zone, log: slog.DiscardHandler, kept: make(map[string]string)}
	s.setNow("2026-11-23T10:10:00")
	s.open()
	t.Cleanup(s.close)
	return s
}

// recordMany wants all of some readings to be taken.
func recordMany(t testing.TB, l *node.Node, readings []meter.Reading) {
	t.Helper()
	bulk := l.Bulk(context.Background())
	for i, r := range readings {
		if err := bulk.Add(i+1, r.Row()); err != nil {
			t.Fatal(err)
		}
	}
	tally, err := bulk.Flush()
	if err != nil || tally.Refused > 0 {
		t.Fatalf("%+v, %v", tally, err)
	}
}

func (s *script) open() {
	var err error
	metrics := httpkit.NewMetrics()
	s.node, err = node.Open(context.Background(), node.Options{
		FS: s.fs, DataDir: "data", ArchiveDir: "Archive", BackupDir: "backup", Zone: s.zone,
		Now: s.clock, Log: slog.New(s.log), Holder: "a test", Version: "test",
		ReadingsFrom: meter.Day{Year: 2010, Month: time.January, Day: 1}, DiskFreeMin: 1, RefusalsMax: 1_000_000, Metrics: metrics.Set,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	options := rest.Options{Ledger: s.node.Ledger, Reader: s.node.Reader, Runs: s.node.Runs, Audit: s.node.Audit, Log: slog.New(s.log), Metrics: metrics}
	if s.isGuarded {
		options.Door = s.newDoor()
	}
	router := rest.NewHandler(options)
	ended, end := context.WithCancel(context.Background())
	end() // pages that look at the figures now and then would do so by the clock of the script
	pages.Mount(ended, router, pages.Options{
		API: router, Reader: s.node.Reader, Metrics: metrics, Log: slog.New(s.log), Guarded: s.isGuarded,
	})
	s.server = httptest.NewServer(named(router))
	s.client = &http.Client{
		Transport:     &signer{s, apitest.NewTransport(s.t, s.server.Client().Transport)},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// named gives all requests that have no id the same one, so that two answers can be compared
// byte by byte.
func named(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Request-Id") == "" {
			r.Header.Set("X-Request-Id", "test")
		}
		h.ServeHTTP(w, r)
	})
}

func (s *script) close() {
	s.server.Close()
	if err := s.node.Close(); err != nil {
		s.t.Error(err)
	}
}

func (s *script) clock() time.Time { return s.now }

func (s *script) setNow(stamp string) {
	now, err := time.ParseInLocation("2006-01-02T15:04:05", stamp, s.zone.Location())
	if err != nil {
		s.t.Fatalf("%s:%d: %v", s.file, s.line, err)
	}
	s.now = now
}

// trustClock says that the clock is right, if it was set back.
func (s *script) trustClock() {
	if meter.ReasonOf(s.node.Ready()) != meter.ReasonClockBehind {
		return
	}
	if err := s.node.ResumeTrusting(context.Background()); err != nil {
		s.t.Fatalf("%s:%d: %v", s.file, s.line, err)
	}
}

// run executes the script step by step: a step is a line that is neither blank
// nor a comment, and what belongs to it.
func (s *script) run(text string) {
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); {
		line := lines[i]
		s.line = i + 1
		i++
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case word == "now":
			s.setNow(rest)
			s.trustClock()
		case word == "clock":
			s.setNow(rest)
		case line == "access on":
			s.guard()
		case word == "credential":
			name, parameters, _ := strings.Cut(rest, " ")
			s.issue(name, parameters)
		case word == "as":
			s.become(rest)
		case word == "restart":
			s.close()
			s.open()
		case word == "remove":
			if err := s.fs.Remove(s.fs.PathJoin("Archive", rest)); err != nil {
				s.t.Fatalf("%s:%d: %v", s.file, s.line, err)
			}
		case word == "file":
			var body string
			body, i = bodyLines(lines, i)
			s.writeArchive(rest, body)
		default:
			i = s.request(word, rest, lines, i)
		}
	}
}

// bodyLines reads the lines that begin with a bar.
func bodyLines(lines []string, i int) (string, int) {
	var body []string
	for ; i < len(lines) && strings.HasPrefix(lines[i], "|"); i++ {
		body = append(body, strings.TrimPrefix(strings.TrimPrefix(lines[i], "|"), " "))
	}
	return strings.Join(body, "\n"), i
}

func (s *script) writeArchive(name, content string) {
	err := durable.WriteFile(s.fs, s.fs.PathJoin("Archive", name), func(w io.Writer) error {
		_, err := io.WriteString(w, content)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *script) request(method, path string, lines []string, i int) int {
	headers := http.Header{}
	for ; i < len(lines) && !strings.HasPrefix(lines[i], "|") && !strings.HasPrefix(lines[i], "=>"); i++ {
		name, value, ok := strings.Cut(lines[i], ": ")
		if !ok {
			s.t.Fatalf("%s:%d: not a header: %q", s.file, i+1, lines[i])
		}
		headers.Add(name, s.fill(value))
	}
	body, i := bodyLines(lines, i)
	if i == len(lines) || !strings.HasPrefix(lines[i], "=> ") {
		s.t.Fatalf("%s:%d: the request has no answer", s.file, s.line)
	}
	status, want, _ := strings.Cut(strings.TrimPrefix(lines[i], "=> "), " ")
	i++
	if strings.HasPrefix(want, "|") {
		var more string
		more, i = bodyLines(lines, i)
		want += "\n" + more
	}
	for ; i < len(lines) && strings.HasPrefix(lines[i], " "); i++ {
		want += strings.TrimSpace(lines[i])
	}
	answer := s.send(method, path, headers, body)
	s.compare(answer, status, want)
	for ; i < len(lines) && strings.HasPrefix(lines[i], "< "); i++ {
		s.compareHeader(answer.Header, strings.TrimPrefix(lines[i], "< "))
	}
	return i
}

func (s *script) compareHeader(headers http.Header, line string) {
	name, want, ok := strings.Cut(line, ": ")
	if !ok {
		s.t.Fatalf("%s:%d: not a header: %q", s.file, s.line, line)
	}
	got := headers.Get(name)
	switch {
	case want == "-":
		want = ""
	case want == "*" && got != "":
		want = got
	case strings.HasPrefix(want, "$") && got != "":
		if kept, ok := s.kept[want]; ok {
			want = kept
			break
		}
		s.kept[want], want = got, got
	}
	if got != want {
		s.t.Errorf("%s:%d: header %s is %q, want %q", s.file, s.line, name, got, want)
	}
}

func (s *script) send(method, path string, headers http.Header, body string) *http.Response {
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	r, err := http.NewRequest(method, s.server.URL+path, content)
	if err != nil {
		s.t.Fatalf("%s:%d: %v", s.file, s.line, err)
	}
	r.Header = headers
	answer, err := s.client.Do(r)
	if err != nil {
		s.t.Fatalf("%s:%d: %v", s.file, s.line, err)
	}
	if answer.Header.Get("X-Request-Id") == "" {
		s.t.Errorf("%s:%d: the answer has no X-Request-Id", s.file, s.line)
	}
	if kept := answer.Header.Get("Cache-Control"); kept != httpkit.KeepNothing && kept != httpkit.KeepAndAsk && !isPublic(path) {
		s.t.Errorf("%s:%d: the answer is kept by caches: %q", s.file, s.line, kept)
	}
	return answer
}

// isPublic reports whether a path is of no household.
func isPublic(path string) bool {
	return slices.ContainsFunc([]string{"/docs", "/redoc", "/openapi.json", "/metrics"}, func(p string) bool { return strings.HasPrefix(path, p) })
}

func (s *script) compare(answer *http.Response, status, want string) {
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if got := strconv.Itoa(answer.StatusCode); got != status {
		s.t.Errorf("%s:%d: got %s, want %s\n%s", s.file, s.line, got, status, content)
		return
	}
	switch {
	case want == "":
	case strings.HasPrefix(want, "| "):
		want := strings.TrimSuffix(strings.TrimPrefix(want, "| "), "\n")
		if got := strings.TrimSuffix(string(content), "\n"); got != want {
			s.t.Errorf("%s:%d: got\n%s\nwant\n%s", s.file, s.line, got, want)
		}
	case strings.HasPrefix(want, "{"):
		s.compareJSON(content, want)
	default:
		s.compareProblem(answer, content, want)
	}
}

func (s *script) compareProblem(answer *http.Response, content []byte, want string) {
	var problem struct{ Code, Detail string }
	if err := json.Unmarshal(content, &problem); err != nil {
		s.t.Errorf("%s:%d: %v in %s", s.file, s.line, err, content)
	}
	if got := problem.Code + ": " + problem.Detail; got != want {
		s.t.Errorf("%s:%d: got\n  %s\nwant\n  %s", s.file, s.line, got, want)
	}
	if answer.StatusCode == http.StatusServiceUnavailable && answer.Header.Get("Retry-After") == "" {
		s.t.Errorf("%s:%d: a 503 without Retry-After", s.file, s.line)
	}
}

func (s *script) compareJSON(content []byte, want string) {
	got, wanted := s.decode(content), s.decode([]byte(want))
	if problem, ok := got.(map[string]any); ok && wanted.(map[string]any)["instance"] == nil {
		delete(problem, "instance") // apitest compares it with the header
	}
	anything := cmp.FilterValues(func(a, b any) bool { return a == "*" || b == "*" }, cmp.Ignore())
	if diff := cmp.Diff(wanted, got, anything); diff != "" {
		s.t.Errorf("%s:%d: (-want +got)\n%s\ngot %s", s.file, s.line, diff, content)
	}
}

// decode keeps numbers as they are written: 0.3 is not 0.30000000000000004.
func (s *script) decode(content []byte) any {
	in := json.NewDecoder(bytes.NewReader(content))
	in.UseNumber()
	var v any
	if err := in.Decode(&v); err != nil {
		s.t.Fatalf("%s:%d: %v in %s", s.file, s.line, err, content)
	}
	return v
}
