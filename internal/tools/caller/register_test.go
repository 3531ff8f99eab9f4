package caller

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/tools/households"
)

// registerSome registers meters with a server of the test's own.
func registerSome(t *testing.T, meters int, h http.HandlerFunc) error {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		t.Fatal(err)
	}
	population, err := households.NewPopulation("m-", meters, zone, nil)
	if err != nil {
		t.Fatal(err)
	}
	host := s.Listener.Addr().String()
	tr := households.NewTraffic(host, population, zone, zone.Floor(time.Now()), 1)
	return RegisterAll(t.Context(), Several(3, Caller{Host: host, Impatient: true}), tr)
}

func TestEveryMeterIsRegisteredOnceInBodiesOfMany(t *testing.T) {
	const meters = 2*accountsTogether + 7
	var mu sync.Mutex
	seen, bodies := make(map[string]bool), 0
	err := registerSome(t, meters, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		lines := strings.Split(strings.TrimSpace(string(body)), "\n")
		mu.Lock()
		defer mu.Unlock()
		bodies++
		if r.URL.Path != "/import_accounts" || r.Header.Get("Content-Type") != "text/csv" || lines[0] != meter.AccountHeader {
			t.Errorf("%s of %s begins with %q", r.URL, r.Header.Get("Content-Type"), lines[0])
		}
		for _, line := range lines[1:] {
			if seen[line] {
				t.Errorf("%q came twice", line)
			}
			seen[line] = true
		}
		io.WriteString(w, `{"accepted":1}`)
	})
	if err != nil || len(seen) != meters || bodies != 3 {
		t.Errorf("%d meters in %d bodies: %v", len(seen), bodies, err)
	}
}

func TestMeterThatCannotBeRegisteredIsNamed(t *testing.T) {
	for code, want := range map[string]string{
		"meter_exists": "", "too_many_meters": "registering m-0000001: too_many_meters: no",
	} {
		err := registerSome(t, 3, func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			w.Write(bytes.ReplaceAll([]byte(`{"accepted":2,"rejected":1,"errors":[{"row":2,"code":"CODE","detail":"no"}]}`), []byte("CODE"), []byte(code)))
		})
		if err != nil != (want != "") || err != nil && err.Error() != want {
			t.Errorf("%s: the error is %v, want %q", code, err, want)
		}
	}
}
