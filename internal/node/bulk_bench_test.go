package node_test

import (
	"fmt"
	"testing"

	"meterledger/internal/meter"
)

// BenchmarkBulk takes rows that are parsed already, time by time, from the look-up of
// their meters to their verdicts, on a disk in memory. -benchtime 2000000x is 20,000
// meters x 100 half hours.
func BenchmarkBulk(b *testing.B) {
	bench := newBench(b, "Asia/Singapore")
	defer bench.close()
	const meters = 20_000
	ids := make([][]byte, meters)
	registered := make(chan error, 256)
	for worker := range cap(registered) {
		go func() {
			var err error
			for i := worker; i < meters && err == nil; i += cap(registered) {
				ids[i] = fmt.Appendf(nil, "SG-%07d", 1_000_000+i*7)
				err = bench.Register(b.Context(), meter.ID(ids[i]), "Owner", "1 Road")
			}
			registered <- err
		}()
	}
	for range cap(registered) {
		if err := <-registered; err != nil {
			b.Fatal(err)
		}
	}
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
