package closing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
	"meterledger/internal/store"
	"meterledger/internal/tools/households"
	"meterledger/internal/vee"
)

// idleWriter is for runs that write nothing into a journal.
type idleWriter struct{ Writer }

func (idleWriter) Pace(context.Context) func() { return func() {} }

// BenchmarkExceptionsOfADay finds the exceptions of a day of meters that repeat real homes, with
// the totals of all days before on the disk, and measures by how much the heap's highest point
// exceeds what the store takes.
func BenchmarkExceptionsOfADay(b *testing.B) {
	for _, meters := range []int{20_000, 1_600_000} {
		b.Run(fmt.Sprint(meters), func(b *testing.B) {
			if testing.Short() && meters > 20_000 {
				b.Skip("it takes minutes to fill the store")
			}
			day := meter.Day{Year: 2026, Month: time.November, Day: 22}
			t := nationOn(b, meters, day)
			runtime.GC()
			before, peak := heapBytes(), uint64(0)
			b.ResetTimer()
			for b.Loop() {
				if err := t.examineDay(day); err != nil {
					b.Fatal(err)
				}
				peak = max(peak, heapBytes())
			}
			b.ReportMetric(float64(meters)*float64(b.N)/b.Elapsed().Seconds(), "meters/s")
			b.ReportMetric(float64(peak-before)/(1<<20), "MiB-beyond")
			b.ReportMetric(float64(before)/(1<<20), "MiB-store")
			for _, rule := range meter.ExceptionRules() {
				b.ReportMetric(float64(t.newest.counts[rule]), rule.String())
			}
		})
	}
}

func heapBytes() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// nationOn returns a run beside a store that has a day of many meters, and the totals of the days
// before.
func nationOn(b testing.TB, meters int, day meter.Day) task {
	b.Helper()
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		b.Fatal(err)
	}
	p := population(b, zone, meters)
	folder, now := b.TempDir(), time.Now
	archives, err := archive.OpenFolder(vfs.Default, folder, zone)
	if err != nil {
		b.Fatal(err)
	}
	rs, err := Open(b.Context(), Options{
		Writer: idleWriter{}, Store: dayOfAll(b, p, zone, day), Archive: archives, Zone: zone, Now: now, Log: slog.New(slog.DiscardHandler), FS: vfs.Default, KeptDir: folder,
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := errors.Join(rs.exceptions.tidy(), rs.totals.tidy()); err != nil {
		b.Fatal(err)
	}
	for back := 1; back <= vee.PastDays; back++ {
		if err := writeTotalsOf(rs, p, day.AddDays(-back)); err != nil {
			b.Fatal(err)
		}
	}
	run := &Run{}
	run.progress.now, run.progress.log, run.progress.told = now, rs.log, now()
	return task{Runs: rs, ctx: b.Context(), run: run, archive: rs.archive, exceptions: rs.exceptions, totals: rs.totals}
}

func population(b testing.TB, zone *meter.Zone, meters int) *households.Population {
	b.Helper()
	homes, err := households.Load()
	if err != nil {
		b.Fatal(err)
	}
	p, err := households.NewPopulation("m-", meters, zone, homes)
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func dayOfAll(b testing.TB, p *households.Population, zone *meter.Zone, day meter.Day) *store.Store {
	b.Helper()
	s := store.New()
	apply := func(batch []byte) {
		if _, err := s.Apply(batch, store.Verdicts{}); err != nil {
			b.Fatal(err)
		}
	}
	apply(store.AppendLevel(nil, store.LevelNewest))
	for i := range p.Len() {
		apply(store.AppendAccount(nil, meter.Account{ID: p.ID(i), OwnerName: "Tan Ah Kow", Address: "1 Orchard Road"}))
	}
	const together = 4096
	w := zone.DayWindow(day)
	for slot := w.From; slot <= w.To; slot++ {
		for from := 0; from < p.Len(); from += together {
			var readings []store.Reading
			for i := from; i < min(from+together, p.Len()); i++ {
				readings = append(readings, store.Reading{Meter: store.Index(i), Slot: slot, Register: p.Register(i, slot)})
			}
			apply(store.AppendReadings(nil, readings, false))
		}
	}
	return s
}

func writeTotalsOf(rs *Runs, p *households.Population, day meter.Day) error {
	w := rs.zone.DayWindow(day)
	return writeTotals(rs, day, func(yield func(vee.Total) bool) {
		for i := range p.Len() {
			used := p.Register(i, w.To).Total().Since(p.Register(i, w.From).Total())
			if !yield(vee.Total{Used: used, IsKnown: true, IsWhole: true}) {
				return
			}
		}
	})
}

func writeTotals(rs *Runs, day meter.Day, all iter.Seq[vee.Total]) error {
	return rs.totals.write(day, func(out io.Writer) error {
		for total := range all {
			if _, err := out.Write(appendTotal(nil, total)); err != nil {
				return err
			}
		}
		return nil
	})
}
