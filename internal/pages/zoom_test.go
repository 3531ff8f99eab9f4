package pages_test

import (
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"meterledger/internal/meter"
)

const yearOfHalfHours = 365 * 48

func TestTheYearsHalfHoursAreAskedOfTheAPIAndAddUp(t *testing.T) {
	s := start(t)
	s.register("A", "NEW")
	registers := count(40*48, 1_000, 13)
	clear(registers[100:150])
	s.record("A", "2026-09-20T07:30", registers...)

	year := s.open("/ui/meters/A/usage?by=year&at=2026-01-01", "")
	year.want(t, "/zoom.js", "/uPlot.css", "<noscript>")
	series := html.UnescapeString(year.part(t, `data-series="`, `"`).body)
	var answer struct {
		Next    *string `json:"next"`
		Results []struct {
			Consumption decimal.Decimal `json:"consumption"` // a text
		} `json:"results"`
	}
	s.ask(http.MethodGet, series, "", &answer)
	var sum decimal.Decimal
	for _, half := range answer.Results {
		sum = sum.Add(half.Consumption)
	}
	if want := s.used("A", "2026-01-01", "2026-11-23").Consumption; !sum.Equal(want.Decimal) || len(answer.Results) != len(registers)-1 || answer.Next != nil {
		t.Errorf("%s has %d half hours of %s kWh, want %s", series, len(answer.Results), sum, want)
	}
	for path, has := range map[string]bool{
		"/ui/meters/A/usage?by=year&at=2026-01-01": true, "/ui/meters/A/usage?by=month&at=2026-10-01": false, "/ui/meters/A/usage?by=day&at=2026-10-01": false,
		"/ui/meters/A/usage?by=year&at=2025-01-01": false, "/ui/meters/NEW/usage?by=year": false, "/ui/meters/NEW/usage?by=month": false,
	} {
		page := s.open(path, "")
		if page.says("/zoom.js") != has || page.says(`id="zoom"`) != has {
			t.Errorf("%s has a chart to zoom into: %v", path, !has)
		}
	}
}

// TestTheYearPageIsSmall counts a page with all that it loads at once. It prints how long the page takes,
// too: under 300 ms is promised.
func TestTheYearPageIsSmall(t *testing.T) {
	const bytesMax = 60_000
	s := start(t)
	s.register("A")
	registers := count(yearOfHalfHours+1, 1_000_000, 137)
	for i := 5; i < len(registers); i += 97 {
		registers[i] = ""
	}
	s.record("A", "2025-01-01T00:00", registers...)
	year := "/ui/meters/A/usage?by=year&at=2025-01-01"
	look := func(where string) {
		for _, path := range []string{year, "/ui/meters/A/usage?by=month&at=2025-07-01"} {
			began := time.Now()
			bytes := s.packed(path)
			t.Logf("%s, %s: %d bytes in %v", path, where, bytes, time.Since(began).Round(100*time.Microsecond))
			for _, file := range loaded.FindAllStringSubmatch(s.open(path, "").body, -1) {
				bytes += s.packed(file[1])
			}
			if bytes > bytesMax {
				t.Errorf("%s, %s, takes %d bytes over the wire, want at most %d", path, where, bytes, bytesMax)
			}
		}
	}
	look("warming up")
	look("in memory")
	before := s.open(year, "").body
	for month := (meter.Month{Year: 2025, Month: 1}); month.Year == 2025; month = month.Add(1) {
		s.ask(http.MethodPost, "/maintenance/start?maintenance_type=monthly&month="+month.String(), "", nil)
	}
	look("archived")
	if after := s.open(year, "").body; after != before {
		t.Errorf("the page changes once the year is archived: %s", firstDifference(before, after))
	}
}

var loaded = regexp.MustCompile(`(?:src|rel="(?:stylesheet|icon)" href)="([^"]*)"`)

// packed returns how many bytes an answer has for a browser.
func (s *suite) packed(path string) int {
	s.t.Helper()
	r := s.request(http.MethodGet, path, "", nil)
	r.Header.Set("Accept-Encoding", "gzip") // so that the client leaves it as it is
	got := s.do(r)
	if got.status != http.StatusOK || got.header.Get("Content-Encoding") != "gzip" {
		s.t.Fatalf("%s: %d, encoding %q", path, got.status, got.header.Get("Content-Encoding"))
	}
	return len(got.body)
}

func firstDifference(a, b string) string {
	for line := range strings.Lines(a) {
		if !strings.Contains(b, line) {
			return line
		}
	}
	return "it says more"
}
