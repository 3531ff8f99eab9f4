package etcd_test

import (
	"fmt"
	"testing"

	"meterledger/internal/etcdtest"
)

// BenchmarkAppend adds batches one behind the other, on three members that fsync, beside plain puts of the
// same size into the same etcd.
func BenchmarkAppend(b *testing.B) {
	running := etcdtest.Start(b, etcdtest.Options{Members: 3})
	client := running.Client(running.Endpoints()...)
	for _, kilobytes := range []int{1, 24, 64, 256} {
		b.Run(fmt.Sprintf("append/%dKB", kilobytes), func(b *testing.B) {
			a := newAppender(b, open(b, newOrder(), running.Endpoints()...), kilobytes<<10)
			a.renew()
			for b.Loop() {
				if err := a.add(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
			if err := a.Cut(b.Context(), a.term, a.end.Sequence, nil); err != nil {
				b.Fatal(err)
			}
		})
		b.Run(fmt.Sprintf("put/%dKB", kilobytes), func(b *testing.B) {
			value, n := string(make([]byte, kilobytes<<10)), 0
			for b.Loop() {
				n++
				if _, err := client.Put(b.Context(), fmt.Sprintf("put/%d", n), value); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
		})
	}
}
