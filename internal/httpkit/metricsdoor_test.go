package httpkit_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// roleDoor takes the value of the header Authorization for the caller's role.
type roleDoor struct{}

func (roleDoor) Caller(r *http.Request) (c meter.Caller, err error) {
	switch sent := r.Header.Get("Authorization"); sent {
	case "":
	case "wrong":
		err = meter.Errorf(meter.KindUnauthorized, meter.CodeUnauthorized, "wrong")
	default:
		c.Role, err = meter.ParseRole(sent)
		c.Credential = r.Header.Get("Credential")
	}
	return c, err
}

func TestMetricsAreOpenOnLoopbackAndElseForReaders(t *testing.T) {
	h := httpkit.NewRouter(httpkit.Program{
		Log: slog.New(slog.DiscardHandler), Metrics: httpkit.NewMetrics(), SwaggerUI: httpkit.SwaggerUI(),
		Door: roleDoor{}, Proxies: httpkit.Proxies{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.7/32")},
	})
	for _, tt := range []struct {
		peer, forwarded, credential string
		want                        int
	}{
		{"127.0.0.1:1000", "", "", 200},
		{"[::1]:1000", "", "", 200},
		{"127.0.0.1:1000", "", "wrong", 401}, // what is sent is judged
		{"203.0.113.9:1000", "", "", 401},
		{"203.0.113.9:1000", "127.0.0.1", "", 401},
		{"10.0.0.7:1000", "127.0.0.1", "", 401},     // a proxy's word is not enough
		{"127.0.0.1:1000", "198.51.100.4", "", 401}, // a proxy on this machine speaks for another
		{"127.0.0.1:1000", "127.0.0.1", "", 401},    // or for whom it takes for one on this machine
		{"127.0.0.1:1000", "unknown", "", 401},      // or for whom it does not name
		{"127.0.0.1:1000", "203.0.113.9,", "", 401}, //
		{"[::1]:1000", "198.51.100.4", "", 401},     // so does one that nobody trusts
		{"[::1]:1000", "unknown", "auditor", 200},
		{"203.0.113.9:1000", "", "household", 403},
		{"203.0.113.9:1000", "", "meter", 403},
		{"203.0.113.9:1000", "", "auditor", 200},
		{"203.0.113.9:1000", "", "operator", 200},
	} {
		r := httptest.NewRequest(http.MethodGet, "http://localhost/metrics", nil)
		r.RemoteAddr = tt.peer
		r.Header.Set("Authorization", tt.credential)
		if tt.forwarded != "" {
			r.Header.Set("X-Forwarded-For", tt.forwarded)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != tt.want {
			t.Errorf("%s for %q as %q: got %d, want %d", tt.peer, tt.forwarded, tt.credential, w.Code, tt.want)
		}
	}
}
