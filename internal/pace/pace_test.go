package pace_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
	"meterledger/internal/pace"
)

// newLimited returns a program with a limit of requests, which reads as many rows as the query
// says.
func newLimited(perMinute int) http.Handler {
	r := httpkit.NewRouter(httpkit.Program{
		Log: slog.New(slog.DiscardHandler), Metrics: httpkit.NewMetrics(), SwaggerUI: httpkit.SwaggerUI(), Door: namedDoor{},
	})
	r.With(pace.Limit(perMinute, httpkit.RateKey, httpkit.WriteError)).Get("/", func(w http.ResponseWriter, r *http.Request) {
		rows, _ := strconv.Atoi(r.URL.Query().Get("rows"))
		time.Sleep(time.Second) // until the first row arrives
		if err := pace.Rows(r.Context(), rows); err != nil {
			httpkit.WriteError(w, r, err)
		}
	})
	return r
}

// namedDoor takes what a header says for the caller's credential.
type namedDoor struct{}

func (namedDoor) Caller(r *http.Request) (meter.Caller, error) {
	return meter.Caller{Role: meter.RoleMeter, Credential: r.Header.Get("Credential")}, nil
}

// askLimited asks once, from an address and with a credential, or with none.
func askLimited(ctx context.Context, h http.Handler, peer, credential, query string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/?"+query, nil)
	r.RemoteAddr = peer
	r.Header.Set("Credential", credential)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestRateIsOfACredentialAndElseOfANetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newLimited(2)
		for _, tt := range []struct {
			peer, credential string
			want             int
		}{
			{"203.0.113.9:1", "", 200},
			{"203.0.113.9:2", "", 200},
			{"203.0.113.9:3", "", 429},
			{"203.0.113.8:1", "", 200},
			{"203.0.113.9:4", "a", 200}, // a credential has a rate of its own
			{"203.0.113.7:1", "a", 200},
			{"203.0.113.6:1", "a", 429}, // from wherever it comes
			{"203.0.113.9:5", "b", 200},
			{"[2001:db8:0:1::1]:1", "", 200},
			{"[2001:db8:0:1::2]:1", "", 200},
			{"[2001:db8:0:1:ffff::3]:1", "", 429}, // the same /64
			{"[2001:db8:0:2::1]:1", "", 200},
		} {
			w := askLimited(t.Context(), h, tt.peer, tt.credential, "")
			if w.Code != tt.want {
				t.Errorf("%s as %q: got %d, want %d", tt.peer, tt.credential, w.Code, tt.want)
			}
			sender := "address"
			if tt.credential != "" {
				sender = "credential"
			}
			if want := "this " + sender + " sends more requests a minute than it may"; w.Code == 429 &&
				(w.Header().Get("Retry-After") != "60" || !strings.Contains(w.Body.String(), want) || !strings.Contains(w.Body.String(), `"rate_limited"`)) {
				t.Errorf("%s as %q: got %v %s", tt.peer, tt.credential, w.Header(), w.Body)
			}
		}
		time.Sleep(2 * time.Minute)
		if w := askLimited(t.Context(), h, "203.0.113.9:6", "", ""); w.Code != 200 {
			t.Errorf("two minutes later the answer is %d", w.Code)
		}
		h = newLimited(0)
		for range 1000 {
			if w := askLimited(t.Context(), h, "203.0.113.9:1", "", "rows=1000"); w.Code != 200 {
				t.Fatalf("without a limit the answer is %d", w.Code)
			}
		}
	})
}

func TestRowsCountAndAreReadMoreSlowlyOverTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newLimited(60)
		began := time.Now()
		ended := make(chan int)
		for range 3 { // bulks share the rate of their caller
			go func() { ended <- askLimited(t.Context(), h, "203.0.113.9:1", "a", "rows=199").Code }()
		}
		time.Sleep(90*time.Second + 250*time.Millisecond) // between two rows
		if w := askLimited(t.Context(), h, "203.0.113.9:1", "a", ""); w.Code != 429 {
			t.Errorf("a request beside them is answered %d", w.Code)
		}
		if w := askLimited(t.Context(), h, "203.0.113.9:1", "b", "rows=50"); w.Code != 200 {
			t.Errorf("a request of another is answered %d", w.Code)
		}
		for range 3 {
			if code := <-ended; code != 200 {
				t.Errorf("a bulk is answered %d", code)
			}
		}
		if took := time.Since(began); took < 9*time.Minute || took > 11*time.Minute {
			t.Errorf("600 rows at 60 a minute took %v", took)
		}
	})
}

func TestBulkOverTheRateEndsWithItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, hangUp := context.WithCancel(t.Context())
		h := pace.Limit(60, httpkit.RateKey, httpkit.WriteError)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if err := pace.Rows(r.Context(), 1000); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		}))
		time.AfterFunc(90*time.Second, hangUp)
		began := time.Now()
		askLimited(ctx, h, "203.0.113.9:1", "", "")
		if took := time.Since(began); took != 90*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
