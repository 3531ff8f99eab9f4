package store

import (
	"fmt"
	"testing"

	"meterledger/internal/meter"
)

// BenchmarkApplyWithLimits is Apply of single readings of meters whose dials roll over, beside
// meters of which nothing more is known: the first must cost little more.
func BenchmarkApplyWithLimits(b *testing.B) {
	over, _ := meter.RegisterFromParts(1_000_000, 0)
	for _, of := range []struct {
		name   string
		limits meter.Limits
	}{{"none", meter.Limits{}}, {"all", meter.Limits{RollsOverAt: over}}} {
		b.Run(of.name, func(b *testing.B) {
			const meters = 10_000
			s := New()
			var batch []byte
			for i := range meters {
				batch = AppendAccount(batch, meter.Account{ID: meter.ID(fmt.Sprint("M", i)), RegisteredAt: account.RegisteredAt})
				if of.limits != (meter.Limits{}) {
					batch = AppendLimits(batch, Index(i), of.limits)
				}
			}
			if _, err := s.Apply(batch, Verdicts{}); err != nil {
				b.Fatal(err)
			}
			readings := make([]Reading, 1000)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				for k := range readings {
					slot := meter.Slot(closedFrom + n/meters)
					register, _ := meter.RegisterFromParts(int64(n/meters), 3)
					readings[k] = Reading{Index(n % meters), slot, register}
					n++
				}
				batch = AppendReadings(batch[:0], readings, false)
				if _, err := s.Apply(batch, Verdicts{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/reading")
		})
	}
}
