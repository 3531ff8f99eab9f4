package httpkit_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/google/go-cmp/cmp"

	"meterledger/internal/httpkit"
)

func TestHostsAreLoopbackTheAddressAndTheGivenNames(t *testing.T) {
	for addr, want := range map[string]string{
		"localhost:8000":     "localhost,127.0.0.1,::1,meters.example,2001:db8::7",
		"meters.internal:80": "localhost,127.0.0.1,::1,meters.internal,meters.example,2001:db8::7",
		"[2001:db8::1]:8000": "localhost,127.0.0.1,::1,2001:db8::1,meters.example,2001:db8::7",
		":8000":              "localhost,127.0.0.1,::1,meters.example,2001:db8::7",
		"0.0.0.0:8000":       "localhost,127.0.0.1,::1,meters.example,2001:db8::7",
		"[::]:8000":          "localhost,127.0.0.1,::1,meters.example,2001:db8::7",
	} {
		if diff := cmp.Diff(want, httpkit.NewHosts(addr, []string{"meters.example", "[2001:db8::7]"}).String()); diff != "" {
			t.Errorf("-addr %s (-want +got):\n%s", addr, diff)
		}
	}
}

// newGuarded returns a server whose hosts are those of addr and meters.example, and how often its
// handler was reached.
func newGuarded(t *testing.T, addr string) (server *httptest.Server, reached *int) {
	reached = new(int)
	router := httpkit.NewRouter(httpkit.Program{
		Log: slog.New(slog.DiscardHandler), Metrics: httpkit.NewMetrics(), SwaggerUI: httpkit.SwaggerUI(),
		Hosts: httpkit.NewHosts(addr, []string{"meters.example"}),
	})
	count := func(http.ResponseWriter, *http.Request) { *reached++ }
	router.Route("/shutdown", func(r chi.Router) { r.Get("/", count); r.Post("/", count) })
	server = httptest.NewServer(router)
	t.Cleanup(server.Close)
	return server, reached
}

// ask sends a request with header fields in pairs; Host is one of them.
func ask(t *testing.T, server *httptest.Server, method string, fields ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequest(method, server.URL+"/shutdown", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(fields); i += 2 {
		request.Header.Set(fields[i], fields[i+1])
		if fields[i] == "Host" {
			request.Host = fields[i+1]
		}
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

func wantForbidden(t *testing.T, answer *http.Response, body string) {
	t.Helper()
	if p := asProblem(t, answer, body); p.Status != http.StatusForbidden || p.Code != "forbidden_origin" {
		t.Errorf("got %+v", p)
	}
}

func TestChangesByPagesOfOtherOriginsAreForbidden(t *testing.T) {
	server, reached := newGuarded(t, "localhost:8000")
	for _, fields := range [][]string{
		{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, // what a browser sends today
		{"Origin", "https://evil.example"}, // an old browser
		{"Origin", "null", "Sec-Fetch-Site", "cross-site"},
		{"Origin", "http://localhost:8001", "Sec-Fetch-Site", "same-site"}, // another port is another origin
	} {
		answer, body := ask(t, server, http.MethodPost, fields...)
		wantForbidden(t, answer, body)
		if *reached > 0 {
			t.Fatalf("%q came through", fields)
		}
	}
	for _, fields := range [][]string{
		{}, // curl, a meter, daily
		{"Origin", server.URL, "Sec-Fetch-Site", "same-origin"}, // our own docs page
		{"Sec-Fetch-Site", "none"},
	} {
		*reached = 0
		if answer, body := ask(t, server, http.MethodPost, fields...); *reached != 1 {
			t.Errorf("%q is %s: %s", fields, answer.Status, body)
		}
	}
	*reached = 0
	if answer, _ := ask(t, server, http.MethodGet, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"); *reached != 1 {
		t.Errorf("a link of another site is %s", answer.Status)
	}
}

func TestForeignHostsAreForbiddenWhateverIsAsked(t *testing.T) {
	server, reached := newGuarded(t, "meters.internal:8000")
	for _, host := range []string{"evil.example", "evil.example:8000", "localhost.evil.example", "192.0.2.1", "[2001:db8::1]:80", "127.0.0.1.evil.example"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			answer, body := ask(t, server, method, "Host", host)
			wantForbidden(t, answer, body)
			if !strings.Contains(body, "-hosts or HOSTS") {
				t.Errorf("%s: nothing says how to add a name: %s", host, body)
			}
		}
	}
	if *reached > 0 {
		t.Errorf("%d foreign requests came through", *reached)
	}
	for _, host := range []string{
		"localhost", "LocalHost:1", "127.0.0.1:9", "[::1]:8000", "[::1]", "localhost.:8000", "meters.internal", "meters.example:443", "METERS.example",
	} {
		*reached = 0
		if answer, body := ask(t, server, http.MethodGet, "Host", host); *reached != 1 {
			t.Errorf("%s is %s: %s", host, answer.Status, body)
		}
	}
}

// A program on all interfaces has no name. A caller that asks for the address of the
// connection itself was not led here by a foreign name.
func TestTheAddressOfTheConnectionIsNoForeignHost(t *testing.T) {
	server, reached := newGuarded(t, ":8000")
	local := server.Listener.Addr().String()
	for _, host := range []string{local, "[::ffff:127.0.0.1]:80"} {
		*reached = 0
		if answer, body := ask(t, server, http.MethodGet, "Host", host); *reached != 1 {
			t.Errorf("%s is %s: %s", host, answer.Status, body)
		}
	}
}
