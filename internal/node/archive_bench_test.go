package node_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/meter"
)

const benchMeters = 3000

// filled is a ledger on the real disk that holds October of many meters.
func filled(b *testing.B) *bench {
	b.Helper()
	b.Chdir(b.TempDir())
	l := &bench{t: b, fs: vfs.Default, zone: loadZone(b, "Asia/Singapore"), now: now}
	l.open()
	bulk := l.Bulk(b.Context())
	for n := range benchMeters {
		id := meter.ID(fmt.Sprintf("%03d-%03d-%03d", n/1000000, n/1000%1000, n%1000))
		l.register(id)
		window := l.zone.MonthWindow(october.Month)
		register := int64(1_000_000 + n*7919)
		for s := window.From; s < window.To; s++ {
			register += int64(s*2654435761>>24) % 700
			k, _ := meter.RegisterFromParts(register, 3)
			if err := bulk.Add(0, meter.Reading{Meter: id, Slot: s, Register: k}.Row()); err != nil {
				b.Fatal(err)
			}
		}
	}
	if tally, err := bulk.Flush(); err != nil || tally.Refused > 0 {
		b.Fatal(tally, err)
	}
	return l
}

// BenchmarkCloseMonth measures all of it, and the heap's highest point beyond what the
// ledger held before.
func BenchmarkCloseMonth(b *testing.B) {
	rows, peak := uint64(0), uint64(0)
	for b.Loop() {
		b.StopTimer()
		l := filled(b)
		runtime.GC()
		before := heap()
		highest := watchHeap()
		b.StartTimer()
		run := l.maintain(october)
		b.StopTimer()
		peak = max(peak, highest()-before)
		if run.Err != nil {
			b.Fatal(run.Err)
		}
		rows += run.Archives[0].Rows
		l.close()
		b.StartTimer()
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(peak)/(1<<20), "MiB-beyond")
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
