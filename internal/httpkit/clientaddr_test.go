package httpkit_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"meterledger/internal/httpkit"
)

// proxied is a program that trusts some proxies, and answers each caller with the address that it
// is taken to have.
func proxied(log *slog.Logger, proxies ...string) http.Handler {
	p := httpkit.Program{Log: log, Metrics: httpkit.NewMetrics(), SwaggerUI: httpkit.SwaggerUI()}
	for _, proxy := range proxies {
		p.Proxies = append(p.Proxies, netip.MustParsePrefix(proxy))
	}
	r := httpkit.NewRouter(p)
	r.Get("/who", func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(httpkit.ClientAddr(r).String())) })
	return r
}

func whoFrom(peer string, forwarded ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "http://localhost/who", nil)
	r.RemoteAddr = peer
	r.Header["X-Forwarded-For"] = forwarded
	return r
}

func TestOnlyATrustedProxyIsBelievedWhoAsks(t *testing.T) {
	h := proxied(slog.New(slog.DiscardHandler), "10.0.0.0/24", "2001:db8::1/128")
	for _, tt := range []struct {
		peer      string
		forwarded []string
		want      string
	}{
		{"203.0.113.9:1000", nil, "203.0.113.9"},
		{"203.0.113.9:1000", []string{"127.0.0.1"}, "203.0.113.9"}, // it is no proxy
		{"10.0.1.1:1000", []string{"127.0.0.1"}, "10.0.1.1"},
		{"10.0.0.7:1000", []string{"198.51.100.4"}, "198.51.100.4"},
		{"[::ffff:10.0.0.7]:1000", []string{"198.51.100.4"}, "198.51.100.4"},
		{"[2001:db8::1]:1000", []string{"2001:db8:7::9"}, "2001:db8:7::9"},
		{"10.0.0.7:1000", nil, "10.0.0.7"},                                                      // the proxy itself
		{"10.0.0.7:1000", []string{"127.0.0.1, 198.51.100.4"}, "198.51.100.4"},                  // the first is what the caller wrote
		{"10.0.0.7:1000", []string{"127.0.0.1", "198.51.100.4,10.0.0.8"}, "198.51.100.4"},       // through two proxies
		{"10.0.0.7:1000", []string{"198.51.100.4", "10.0.0.8"}, "198.51.100.4"},                 // of which each adds a field
		{"10.0.0.7:1000", []string{"10.0.0.9,10.0.0.8"}, "10.0.0.9"},                            // nobody but proxies
		{"10.0.0.7:1000", []string{"198.51.100.4:4711"}, "198.51.100.4"},                        // with a port
		{"10.0.0.7:1000", []string{"[2001:db8:7::9]:4711"}, "2001:db8:7::9"},                    //
		{"10.0.0.7:1000", []string{"::ffff:198.51.100.4"}, "198.51.100.4"},                      //
		{"10.0.0.7:1000", []string{"unknown"}, "10.0.0.7"},                                      // then it was the proxy
		{"10.0.0.7:1000", []string{"198.51.100.4, "}, "10.0.0.7"},                               //
		{"10.0.0.7:1000", []string{"198.51.100.4, garbage, 10.0.0.8"}, "10.0.0.8"},              //
		{"10.0.0.7:1000", []string{strings.Repeat("198.51.100.4,", 1000) + "::1"}, "::1"},       //
		{"10.0.0.7:1000", []string{strings.Repeat("10.0.0.8,", 1000) + "10.0.0.8"}, "10.0.0.8"}, //
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, whoFrom(tt.peer, tt.forwarded...))
		if got := w.Body.String(); got != tt.want {
			t.Errorf("%s for %q is taken for %s, want %s", tt.peer, tt.forwarded, got, tt.want)
		}
	}
	w := httptest.NewRecorder()
	proxied(slog.New(slog.DiscardHandler)).ServeHTTP(w, whoFrom("127.0.0.1:1000", "198.51.100.4"))
	if got := w.Body.String(); got != "127.0.0.1" {
		t.Errorf("without trusted proxies 127.0.0.1 is taken for %s", got)
	}
}

func TestTheLogTellsForWhomAProxyAsked(t *testing.T) {
	var out strings.Builder
	h := proxied(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})), "10.0.0.7/32")
	h.ServeHTTP(httptest.NewRecorder(), whoFrom("10.0.0.7:1000", "198.51.100.4"))
	h.ServeHTTP(httptest.NewRecorder(), whoFrom("203.0.113.9:1000", "198.51.100.4"))
	for _, want := range []string{" from=198.51.100.4\n", " from=203.0.113.9:1000\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}
