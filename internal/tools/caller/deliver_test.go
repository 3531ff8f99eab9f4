package caller

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"meterledger/api"
)

// TestRowsThatAreWorthSendingAgainAreSentAgain has the api refuse the second of three readings
// for a reason that passes, and the third for good.
func TestRowsThatAreWorthSendingAgainAreSentAgain(t *testing.T) {
	var bodies []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies = append(bodies, string(body))
		if len(bodies) > 1 {
			io.WriteString(w, `{"accepted":1,"duplicates":0,"rejected":0,"retry":0,"errors":[]}`)
			return
		}
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, `{"status":503,"detail":"not now","code":"maintenance_running","accepted":1,"duplicates":0,"rejected":2,"retry":1,
			"errors":[{"row":2,"code":"maintenance_running","detail":"not now"},{"row":3,"code":"invalid_reading","detail":"no"}]}`)
	}))
	defer s.Close()
	fates := make(map[int]Fate)
	d := Delivery{
		Row:  func(b []byte, n int) []byte { return fmt.Appendf(b, "row %d\n", n) },
		Fate: func(n int, fate Fate, _ api.Problem) { fates[n] = fate }, Tries: 2,
	}
	sum, err := d.Deliver(t.Context(), &Caller{Host: strings.TrimPrefix(s.URL, "http://")}, []int{7, 8, 9})
	if err != nil || sum.Accepted != 2 || len(bodies) != 2 || !strings.HasSuffix(bodies[1], "reading\nrow 8\n") {
		t.Errorf("%+v, %v: sent %q", sum, err, bodies)
	}
	if len(fates) != 3 || fates[7] != Acknowledged || fates[8] != Acknowledged || fates[9] != Refused {
		t.Errorf("fates %v", fates)
	}
}
