package pages

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"meterledger/api"
	"meterledger/internal/closing"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
	"meterledger/internal/metric"
	"meterledger/internal/query"
	"meterledger/internal/store"
)

// stubbed returns the pages of an api without meters, which answers everything with the same.
func stubbed(t *testing.T, answer any) (*site, chi.Router) {
	t.Helper()
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 23, 10, 10, 0, 0, zone.Location())
	metrics, log := httpkit.NewMetrics(), slog.New(slog.DiscardHandler)
	router := httpkit.NewRouter(httpkit.Program{Name: api.ProgramAPI, Metrics: metrics, Log: log})
	answers := func(w http.ResponseWriter, _ *http.Request) { httpkit.WriteJSON(w, http.StatusOK, answer) }
	s := &site{
		Options: Options{
			API: http.HandlerFunc(answers), Metrics: metrics, Log: log,
			Reader: query.New(store.New(), nil, zone, func() time.Time { return now }, func() {}),
		},
		zone: zone, sampler: sampler{metrics: metrics, log: log},
	}
	for _, route := range s.routes() {
		router.Method(route.method, route.pattern, route.handler)
	}
	return s, router
}

// wantPage wants texts in a page, and others not.
func wantPage(t *testing.T, h http.Handler, path string, wants, not []string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "http://localhost"+path, nil)
	r.Header.Set("Accept", "text/html")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for _, want := range wants {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s does not say %q:\n%s", path, want, w.Body)
		}
	}
	for _, text := range not {
		if strings.Contains(w.Body.String(), text) {
			t.Errorf("%s says %q:\n%s", path, text, w.Body)
		}
	}
}

func TestNowShowsWhatWasCountedInTheLastMinute(t *testing.T) {
	s, pages := stubbed(t, api.Readiness{Status: "ready"})
	wantPage(t, pages, "/ui/operator", []string{"Readings are taken.", "has just begun to measure itself", "No meter is registered yet."}, []string{"NaN"})

	reading := func(verdict, code string) *metric.Counter {
		return s.Metrics.Counter("readings_total", "Readings.", "way", "bulk", "verdict", verdict, "code", code)
	}
	single := s.Metrics.Histogram("http_request_duration_seconds", "Requests.", []float64{.001, .0025}, "method", "POST", "route", "/receive_meter_reading", "status", "200")
	batches := s.Metrics.Histogram("journal_append_seconds", "Batches.", []float64{.0008, .0016})
	for name, value := range map[string]float64{"silent_meters": 1234, "accounts": 1_600_000, "commits_waiting": 7, "memory_held_bytes": 2e9, "memory_held_max_bytes": 6.4e9, "readings_in_memory": 5, "journal_bytes": 3e6} {
		s.Metrics.Gauge(name, "A figure.", func() float64 { return value })
	}
	s.Metrics.DiskFree("data", func() (uint64, bool) { return 61_200_000_000, true })
	s.Metrics.DiskFree("archive", func() (uint64, bool) { return 0, false })
	reading("accepted", "").Add(1000)
	reading("rejected", "reading_conflict").Add(4)
	sample := func(at time.Duration) {
		if err := s.sampler.take(time.Date(2026, 11, 23, 2, 9, 0, 0, time.UTC).Add(at)); err != nil {
			t.Fatal(err)
		}
	}
	sample(0)
	wantPage(t, pages, "/ui/operator", []string{"0 readings taken in the first seconds", "there were no single readings", "No minute is over yet."}, []string{"NaN", "Inf"})

	reading("accepted", "").Add(120_000)
	reading("rejected", "reading_conflict").Add(3)
	reading("retry", "disk_full").Add(2)
	single.Update(.002)
	batches.Update(.001)
	sample(time.Minute)
	wantPage(t, pages, "/ui/operator", []string{
		`2,000 <span class="unit">a second</span>`, "120,000 readings taken in the last minute", "2.5 ms", "1.6 ms",
		`>7</p><p class="quiet">commits wait`, "2.0 GB", "of 6.4 GB for 5 readings", "61.2 GB", "and – for archives", "3.0 MB", "1,234", "of 1,600,000",
		`<code>reading_conflict</code></th><td class="num">3</td><td class="num">7</td>`, `<code>disk_full</code></th><td class="num">2</td><td class="num">2</td>`,
		`<code>POST /receive_meter_reading</code></th><td class="num">1</td><td class="num">2.5 ms</td><td class="num">0</td>`,
		`<time datetime="2026-11-23T10:09:00">10:09</time></th><td class="num">120,000</td><td class="num">2,000</td>`, "At most 120,000 in a minute",
		`<rect class="bar" x="590" y="0" width="8" height="100"/>`,
	}, []string{"NaN", "Inf", "/ui/operator</code>"})
}

// archivesOf is a status with an archive in each state, and what is due.
func archivesOf() api.MaintenanceStatus {
	listing := func(period string, state closing.ListingState) api.ArchiveListing {
		return api.ArchiveListing{
			Archive:   api.Archive{Period: period, File: "/Archive/" + period + ".csv", Rows: 48_000, SHA256: "ab" + strings.ReplaceAll(period, "-", "")},
			WrittenAt: "2026-11-02T00:10:00", State: string(state), Bytes: new(int64(1_500_000)),
		}
	}
	unread := listing("2026-11-03", closing.ManifestMissing)
	unread.Bytes = nil
	return api.MaintenanceStatus{
		Archives: []api.ArchiveListing{
			listing("2026-10-31", closing.ArchiveGood), listing("2026-11-01", closing.ArchiveMissing), listing("2026-11-02", closing.ArchiveChanged), unread,
			listing("2026-11-04", closing.ArchiveBehind), listing("2026-10", closing.ArchiveGood),
		},
		Due: []api.DuePeriod{
			{Period: "2026-11-04", Reason: string(closing.RowsSince)},
			{Period: "2026-11-05", Reason: string(closing.NeverArchived)},
			{Period: "2026-11-06", Reason: string(closing.NeverArchived)},
			{Period: "2026-09", Reason: string(closing.NeverArchived)},
		},
	}
}

func TestArchivesAreShownByMonthWithWhatIsWrongAndDue(t *testing.T) {
	_, pages := stubbed(t, archivesOf())
	wantPage(t, pages, "/ui/operator/archives", []string{
		`month=2026-11">November 2026</a></th><td><span class="quiet">Not over yet</span></td><td class="num">4 of 22, 3 due</td><td class="num">–</td>`,
		`month=2026-10">October 2026</a></th><td><span class="badge good">As it was written</span></td><td class="num">1 of 31</td><td class="num">48,000</td><td class="num">1.5 MB</td>`,
		`month=2026-09">September 2026</a></th><td><span class="badge warn">Not archived yet</span></td><td class="num">0 of 30</td>`,
		`<time datetime="2026-11-02T00:10:00">Mon 2 Nov 2026 00:10</time>`, `href="/ui/operator/actions/close"`,
	}, nil)
	wantPage(t, pages, "/ui/operator/archives?month=2026-11", []string{
		`Sun 1 Nov 2026</th><td><span class="badge bad">The file is missing</span></td><td class="num">48,000</td>`,
		`Mon 2 Nov 2026</th><td><span class="badge bad">The file has another size than was written</span>`,
		`Tue 3 Nov 2026</th><td><span class="badge warn">Its description is missing: the next run writes it</span></td><td class="num">48,000</td><td class="num">–</td>`,
		`Wed 4 Nov 2026</th><td><span class="badge warn">Readings came since it was written</span> <a href="/ui/operator/actions/archive?date=2026-11-04">`,
		`Thu 5 Nov 2026</th><td><span class="badge warn">Not archived yet</span>`, `Sat 7 Nov 2026</th><td><span class="quiet">No archive</span>`,
		`Mon 23 Nov 2026</th><td><span class="quiet">Not over yet</span>`, `<code>ab20261104</code>`,
	}, []string{"Tue 24 Nov 2026"})
	wantPage(t, pages, "/ui/operator/archives?month=2026-10", []string{
		"<code>/Archive/2026-10.csv</code>", "<code>ab202610</code>", `Fri 30 Oct 2026</th><td><span class="quiet">In the archive of its month</span>`,
		`Sat 31 Oct 2026</th><td><span class="badge good">As it was written</span>`,
	}, []string{"Sun 1 Nov 2026"})
	wantPage(t, pages, "/ui/operator/archives?month=2026-09", []string{`href="/ui/operator/actions/close?month=2026-09">Close it`}, nil)
	wantPage(t, pages, "/ui/operator/archives?month=2026-12", []string{"This month has not begun."}, nil)
}

func TestRunsShowProgressResultsAndWhatIsDue(t *testing.T) {
	status := archivesOf()
	status.Running = &api.MaintenanceProgress{
		Type: api.Monthly, Period: "2026-09", Phase: "writing", Rows: 1_200_000, RowsPerSecond: 300_000, Percent: 40, SecondsLeft: new(int64(65)), StartedAt: "2026-11-23T10:09:00",
	}
	status.LastRuns = map[api.MaintenanceType]*api.MaintenanceRun{
		api.Daily:   {Period: "2026-11-04", Message: "the disk is full", FinishedAt: "2026-11-05T00:10:03"},
		api.Monthly: {Period: "2026-10", Success: true, FinishedAt: "2026-11-01T00:30:00", Archives: []api.Archive{{File: "/Archive/monthly_2026-10.csv"}}},
	}
	_, pages := stubbed(t, status)
	wantPage(t, pages, "/ui/operator/runs", []string{
		"monthly of 2026-09", "writing", `<progress max="100" value="40"`, "65 seconds left", "1,200,000 rows, 300,000 a second",
		`<span class="badge bad">Failed</span> the disk is full`, `<span class="badge good">Done</span>`, "<code>monthly_2026-10.csv</code>",
		`month=2026-11">Wed 4 Nov 2026</a></th><td>Readings came since it was written`, `month=2026-11">2 days of November 2026</a></th><td>Not archived yet`,
		`month=2026-09">September 2026</a></th><td>Not archived yet`,
	}, nil)
	_, idle := stubbed(t, api.MaintenanceStatus{})
	wantPage(t, idle, "/ui/operator/runs", []string{"Nothing is under way.", "All days and months that are over are archived.", "None is known of"}, nil)
}
