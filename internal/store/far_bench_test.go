package store_test

import (
	"testing"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// BenchmarkFarNeighbours judges a reading of a meter whose own readings lie years before and
// after it, while its neighbours have all the days between: in slabs, or one a month.
func BenchmarkFarNeighbours(b *testing.B) {
	years := 16
	if testing.Short() {
		years = 2
	}
	for name, every := range map[string]int{"dense": 1, "a_day_a_tile": 32} {
		b.Run(name, func(b *testing.B) {
			m := sparseBench{B: b}
			s := m.store(256)
			days := years * 365
			for day := range days {
				for i := 0; i < 255 && (day == 0 || day%every == 0); i++ {
					if every == 1 || i < 8 {
						m.take(s, i, sparseStart+day*meter.SlotsPerDay)
					}
				}
			}
			m.take(s, 255, sparseStart)
			m.take(s, 255, sparseStart+days*meter.SlotsPerDay)
			low, _ := meter.RegisterFromParts(1, 3)
			late := store.Reading{Meter: 255, Slot: meter.Slot(sparseStart + days/2*meter.SlotsPerDay), Register: low}
			for b.Loop() {
				if v := s.Judge(late, false); v.Outcome != store.BelowEarlier {
					b.Fatal(v)
				}
			}
		})
	}
}
