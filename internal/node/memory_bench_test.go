package node_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/closing"
	"meterledger/internal/meter"
	"meterledger/internal/node"
	"meterledger/internal/tools/households"
)

// BenchmarkArchivingMemory fills a ledger with last month, closes that month, and
// measures by how much the heap's highest point, garbage included, exceeds the heap
// after a collection before. Short sizes show that it works, and mean nothing.
func BenchmarkArchivingMemory(b *testing.B) { archivingMemory(b, false) }

// BenchmarkArchivingMemoryZstd is the same into a compressed archive.
func BenchmarkArchivingMemoryZstd(b *testing.B) { archivingMemory(b, true) }

func archivingMemory(b *testing.B, compress bool) {
	b.Helper()
	meters, slots := 10_000, 31*meter.SlotsPerDay
	if testing.Short() {
		meters, slots = 50, meter.SlotsPerDay
	}
	for range b.N {
		l, month, population := openForMonth(b, meters, compress)
		fillMonth(b, l, population, month, slots)
		runtime.GC()
		runtime.GC() // what finalizers let go of in the first
		before, highest := heap(), watchHeap()
		run, err := l.Start(closing.Request{Kind: closing.Monthly, Month: l.LastMonth()})
		if err != nil {
			b.Fatal(err)
		}
		<-run.Done()
		peak := highest()
		if run.Err != nil {
			b.Fatal(run.Err)
		}
		const mib = 1 << 20
		b.ReportMetric(float64(peak-before)/mib, "MiB-beyond")
		b.ReportMetric(float64(peak)/mib, "MiB-peak")
		b.ReportMetric(float64(before)/mib, "MiB-store")
		b.ReportMetric(float64(run.Archives[0].Rows), "rows")
		b.ReportMetric(float64(meters), "meters")
		b.ReportMetric(float64(slots), "slots")
	}
}

func openForMonth(b *testing.B, meters int, compress bool) (*node.Node, meter.Window, *households.Population) {
	b.Helper()
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		b.Fatal(err)
	}
	homes, err := households.Load()
	if err != nil {
		b.Fatal(err)
	}
	population, err := households.NewPopulation("m-", meters, zone, homes)
	if err != nil {
		b.Fatal(err)
	}
	folder := b.TempDir()
	l, err := node.Open(b.Context(), node.Options{
		FS: vfs.Default, DataDir: filepath.Join(folder, "data"), ArchiveDir: filepath.Join(folder, "Archive"), Zone: zone,
		ArchiveCompress: compress, Now: time.Now, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})), Holder: "a benchmark",
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := l.Close(); err != nil {
			b.Error(err)
		}
	})
	return l, zone.MonthWindow(l.LastMonth()), population
}

func fillMonth(b *testing.B, l *node.Node, p *households.Population, month meter.Window, slots int) {
	b.Helper()
	for i := range p.Len() {
		if err := l.Register(b.Context(), p.ID(i), "Tan Ah Kow", "1 Orchard Road"); err != nil {
			b.Fatal(err)
		}
	}
	bulk := l.Bulk(b.Context())
	for n := range slots * p.Len() {
		i, slot := n%p.Len(), month.From+meter.Slot(n/p.Len())
		if err := bulk.Add(n+1, meter.Reading{Meter: p.ID(i), Slot: slot, Register: p.Register(i, slot)}.Row()); err != nil {
			b.Fatal(err)
		}
	}
	if tally, err := bulk.Flush(); err != nil || tally.Refused > 0 {
		b.Fatal(err, tally.Refusals)
	}
}

// watchEvery is how often the heap is looked at.
const watchEvery = time.Millisecond

// watchHeap begins to watch the heap. The function it returns ends that, and returns
// the most bytes there were, garbage included.
func watchHeap() (stop func() uint64) {
	quit, most := make(chan struct{}), uint64(0)
	var watching sync.WaitGroup
	watching.Go(func() {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		ticker := time.NewTicker(watchEvery)
		defer ticker.Stop()
		for {
			metrics.Read(sample)
			most = max(most, sample[0].Value.Uint64())
			select {
			case <-quit:
				return
			case <-ticker.C:
			}
		}
	})
	return func() uint64 {
		close(quit)
		watching.Wait()
		return most
	}
}
