package httpkit_test

import (
	"net/http/httptest"
	"testing"

	"meterledger/internal/httpkit"
)

func TestTheTypeThatIsAcceptedBestIsChosen(t *testing.T) {
	for _, c := range []struct{ accept, want string }{
		{"", "application/json"},
		{"*/*", "application/json"},
		{"text/csv", "text/csv"},
		{"TEXT/CSV; header=present", "text/csv"},
		{"text/*", "text/csv"},
		{"application/json, text/csv", "application/json"},
		{"text/csv, */*;q=0.1", "text/csv"},
		{"text/csv;q=0.5, */*", "application/json"},
		{"text/csv;q=0.5, application/json;q=0.4, */*", "text/csv"},
		{"text/*;q=0.9, text/csv;q=0.1, application/json;q=0.5", "application/json"},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/json"},
		{"text/csv;q=0", "application/json"},
		{"text/csv;q=high", "application/json"},
		{"image/png", "application/json"},
		{"text/csvx", "application/json"},
		{";;;, text/csv", "text/csv"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		if c.accept != "" {
			r.Header.Set("Accept", c.accept)
		}
		if got := httpkit.Prefers(r, "application/json", "text/csv"); got != c.want {
			t.Errorf("Accept: %s gets %s, want %s", c.accept, got, c.want)
		}
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Add("Accept", "application/json;q=0.2")
	r.Header.Add("Accept", "text/csv")
	if got := httpkit.Prefers(r, "application/json", "text/csv"); got != "text/csv" {
		t.Errorf("two Accept headers get %s", got)
	}
}
