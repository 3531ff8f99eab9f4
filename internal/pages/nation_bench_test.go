package pages_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/archive"
	"meterledger/internal/closing"
	"meterledger/internal/httpkit"
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
	"meterledger/internal/pages"
	"meterledger/internal/query"
	"meterledger/internal/rest"
	"meterledger/internal/store"
)

// BenchmarkPagesOfANation asks for the pages that look at all meters, or that look among them for
// one, and tells the longest that any took. Access is off.
func BenchmarkPagesOfANation(b *testing.B) {
	meters := 1_600_000
	if testing.Short() {
		meters = 20_000
	}
	handler := nation(b, meters)
	for name, path := range map[string]string{
		"first":     "/ui/operator/meters",
		"last":      fmt.Sprintf("/ui/operator/meters?begins_with=SG-%07d", meters-1),
		"none":      "/ui/operator/meters?begins_with=SG-9999999",
		"silent":    "/ui/operator/meters?stale_for=24h",
		"both":      "/ui/operator/meters?begins_with=SG-&stale_for=24h",
		"gaps":      "/ui/operator/gaps?month=2026-11",
		"one meter": fmt.Sprintf("/ui/operator/meters/SG-%07d", meters-1),
	} {
		b.Run(name, func(b *testing.B) {
			longest := time.Duration(0)
			for b.Loop() {
				r := httptest.NewRequest(http.MethodGet, path, nil)
				r.Header.Set("Accept", "text/html")
				r.Host = "localhost"
				begun, answer := time.Now(), httptest.NewRecorder()
				handler.ServeHTTP(answer, r)
				if longest = max(longest, time.Since(begun)); answer.Code != http.StatusOK {
					b.Fatalf("%d %s", answer.Code, answer.Body)
				}
			}
			b.ReportMetric(float64(longest.Microseconds())/1000, "ms-longest")
		})
	}
}

// idleWriter is for runs that write nothing into a journal.
type idleWriter struct{ closing.Writer }

// nation returns an api with pages and many meters, all of which have just reported. The first
// meters have a month of readings.
func nation(b *testing.B, meters int) http.Handler {
	b.Helper()
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		b.Fatal(err)
	}
	at := time.Date(2026, time.November, 30, 23, 40, 0, 0, zone.Location())
	now := func() time.Time { return at }
	s, fs, log := store.New(), vfs.NewMem(), slog.New(slog.DiscardHandler)
	archives, err := archive.OpenFolder(fs, "Archive", zone)
	if err != nil {
		b.Fatal(err)
	}
	fillNation(b, s, meters, zone.MonthWindow(meter.Month{Year: 2026, Month: time.November}).From, zone.Floor(at))
	ctx, stop := context.WithCancel(b.Context())
	b.Cleanup(stop)
	runs, err := closing.Open(ctx, closing.Options{
		Writer: idleWriter{}, Store: s, Archive: archives, Zone: zone, Now: now, Log: log, FS: fs, KeptDir: "data",
	})
	if err != nil {
		b.Fatal(err)
	}
	reader, metrics := query.New(s, archives, zone, now, func() {}), httpkit.NewMetrics()
	router := rest.NewHandler(rest.Options{Ledger: new(ledger.Ledger), Reader: reader, Runs: runs, Log: log, Metrics: metrics})
	pages.Mount(ctx, router, pages.Options{API: router, Reader: reader, Metrics: metrics, Log: log})
	return router
}

func fillNation(b *testing.B, s *store.Store, meters int, from, to meter.Slot) {
	b.Helper()
	var batch []byte
	apply := func() {
		if _, err := s.Apply(batch, store.Verdicts{}); err != nil {
			b.Fatal(err)
		}
		batch = batch[:0]
	}
	for i := range meters {
		id := meter.ID(fmt.Sprintf("SG-%07d", i*7%meters)) // registered in no order; 7 divides no number of them
		batch = store.AppendAccount(batch, meter.Account{ID: id, OwnerName: "Tan Ah Kow", Address: "1 Orchard Road, Singapore", RegisteredAt: time.Unix(0, 0)})
		first := to
		if i < 100 {
			first = from
		}
		for slot := first; slot <= to; slot++ {
			if first == to || slot%50 > 3 {
				batch = store.AppendReading(batch, store.Reading{Meter: store.Index(i), Slot: slot})
			}
		}
		if len(batch) > 1<<20 {
			apply()
		}
	}
	apply()
}
