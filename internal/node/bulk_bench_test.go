package node_test

import (
	"fmt"
	"strconv"
	"testing"

	"meterledger/internal/meter"
	"meterledger/internal/metric"
)

// BenchmarkBulk takes rows that are parsed already, time by time, from the look-up of
// their meters to their verdicts, on a disk in memory. -benchtime 2000000x is 20,000
// meters x 100 half hours.
func BenchmarkBulk(b *testing.B) {
	bench := newBench(b, "Asia/Singapore")
	defer bench.close()
	const meters = 20_000
	ids := bench.registerMany(meters)
	first := bench.zone.Floor(now) - 48*365
	b.ReportAllocs()
	b.ResetTimer()
	bulk := bench.Bulk(b.Context())
	for n := range b.N {
		slot := n / meters % (48 * 365)
		register, _ := meter.RegisterFromParts(int64(n%meters*1000+slot*217), 3)
		if err := bulk.Add(n+1, meter.Row{Meter: ids[n%meters], Slot: first + meter.Slot(slot), Register: register}); err != nil {
			b.Fatal(err)
		}
	}
	tally, err := bulk.Flush()
	if err != nil || tally.Accepted != b.N && b.N < meters*48*365 {
		b.Fatalf("%+v, %v", tally, err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

// registerMany registers meters side by side.
func (b *bench) registerMany(meters int) [][]byte {
	b.t.Helper()
	ids := make([][]byte, meters)
	registered := make(chan error, 256)
	for worker := range cap(registered) {
		go func() {
			var err error
			for i := worker; i < meters && err == nil; i += cap(registered) {
				ids[i] = fmt.Appendf(nil, "SG-%07d", 1_000_000+i*7)
				err = b.Register(b.t.Context(), meter.ID(ids[i]), "Owner", "1 Road")
			}
			registered <- err
		}()
	}
	for range cap(registered) {
		if err := <-registered; err != nil {
			b.t.Fatal(err)
		}
	}
	return ids
}

// BenchmarkBulkRefused takes rows that are all refused, time by time, half of the meters being
// below and half above what is recorded; now and then one is a duplicate, so that the rest is
// read. Up to a million are kept.
func BenchmarkBulkRefused(b *testing.B) {
	for _, refusalsMax := range []uint32{0, 1_000_000} {
		b.Run(fmt.Sprint("max=", refusalsMax), func(b *testing.B) { bulkRefused(b, refusalsMax) })
	}
}

func bulkRefused(b *testing.B, refusalsMax uint32) {
	bench := newBench(b, "Asia/Singapore")
	bench.close()
	bench.refusalsMax, bench.metrics = refusalsMax, metric.NewSet()
	bench.open()
	defer bench.close()
	const meters = 2000
	ids := bench.registerMany(meters)
	last := bench.zone.Floor(now)
	first := last - 48*365
	for i, id := range ids {
		slot, register := first-1, "5000"
		if i%2 == 0 {
			slot, register = last, "0"
		}
		if _, err := bench.Record(b.Context(), meter.Reading{Meter: meter.ID(id), Slot: slot, Register: kwh(b, register)}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	bulk := bench.Bulk(b.Context())
	for n := range b.N {
		register, _ := meter.RegisterFromParts(int64(n/meters%48_000)+1, 3)
		row := meter.Row{Meter: ids[n%meters], Slot: first + meter.Slot(n/meters%(48*365)), Register: register}
		if n%50_000 == 0 {
			row.Slot, row.Register = last, meter.Register{}
		}
		if err := bulk.Add(n+1, row); err != nil {
			b.Fatal(err)
		}
	}
	tally, err := bulk.Flush()
	if err != nil || tally.Accepted > 0 || tally.Refused+tally.Duplicates != b.N {
		b.Fatalf("%+v, %v", tally, err)
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
	bench.keep()
	if refusalsMax > 0 {
		for _, name := range []string{"refusals_kept_total", "refusals_dropped_total"} {
			count, err := strconv.ParseFloat(bench.figure(name), 64)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(count, name)
		}
	}
}
