package store

import (
	"fmt"
	"testing"
	"time"

	"meterledger/internal/meter"
)

// BenchmarkKeepRefusals keeps a million of 2,000 meters, a time after the other, and tells the
// longest that a thousand of them took: readers wait that long.
func BenchmarkKeepRefusals(b *testing.B) {
	const meters, together = 2000, 1000
	for b.Loop() {
		s := New()
		var batch []byte
		for i := range meters {
			batch = AppendAccount(batch, meter.Account{ID: meter.ID(fmt.Sprint("M", i))})
		}
		if _, err := s.Apply(batch, Verdicts{}); err != nil {
			b.Fatal(err)
		}
		longest := time.Duration(0)
		part := make([]Refusal, together)
		for n := 0; n < 1_000_000; n += together {
			for k := range part {
				part[k] = refusal(Index((n+k)%meters), closedFrom+meter.Slot((n+k)/meters), int64(n))
			}
			batch = AppendRefusals(batch[:0], 1_000_000, part)
			begun := time.Now()
			if _, err := s.Apply(batch, Verdicts{}); err != nil {
				b.Fatal(err)
			}
			longest = max(longest, time.Since(begun))
		}
		b.ReportMetric(float64(longest.Microseconds())/1000, "ms-longest")
		b.ReportMetric(float64(s.Footprint().Refusals)/1e6, "B/refusal")
	}
}
