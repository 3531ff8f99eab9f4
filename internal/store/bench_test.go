package store

import (
	"testing"

	"meterledger/internal/meter"
)

// benchFirst is the first half hour of filled's readings.
const benchFirst meter.Slot = 48 * 20_000

// BenchmarkApply applies batches of one half hour of all meters, as singles have it
// and as a bulk sender has it.
func BenchmarkApply(b *testing.B) {
	for _, form := range []struct {
		name   string
		append func([]byte, []Reading) []byte
	}{
		{"one by one", func(batch []byte, readings []Reading) []byte {
			for _, r := range readings {
				batch = AppendReading(batch, r)
			}
			return batch
		}},
		{"as a pack", func(batch []byte, readings []Reading) []byte { return AppendReadings(batch, readings, false) }},
	} {
		b.Run(form.name, func(b *testing.B) {
			s := filled(b, benchMeters, 1)
			readings := make([]Reading, benchMeters)
			var batch []byte
			var verdicts Verdicts
			b.ReportAllocs()
			for slot := benchFirst + meter.SlotsPerDay; b.Loop(); slot++ {
				b.StopTimer()
				for i := range readings {
					register, _ := meter.RegisterFromParts(int64(slot)*250+int64(i), 3)
					readings[i] = Reading{Index(i), slot, register}
				}
				batch = form.append(batch[:0], readings)
				b.StartTimer()
				var err error
				if verdicts, err = s.Apply(batch, verdicts); err != nil || verdicts.At(0).Outcome != Accepted {
					b.Fatal(verdicts.At(0), err)
				}
			}
			b.ReportMetric(float64(b.Elapsed())/float64(b.N)/benchMeters, "ns/reading")
		})
	}
}

// BenchmarkApplyRuns applies a day of one meter after another, as a file has it that was written meter by meter.
func BenchmarkApplyRuns(b *testing.B) {
	const meters, perBatch = benchMeters, 200
	s := filled(b, meters, 1)
	readings := make([]Reading, 0, perBatch*meter.SlotsPerDay)
	var batch []byte
	var verdicts Verdicts
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		b.StopTimer()
		readings = readings[:0]
		for k := range perBatch {
			i := n*perBatch + k
			for place := range meter.Slot(meter.SlotsPerDay) {
				slot := benchFirst + meter.SlotsPerDay*meter.Slot(1+i/meters) + place
				register, _ := meter.RegisterFromParts(int64(slot)*250+int64(i%meters), 3)
				readings = append(readings, Reading{Index(i % meters), slot, register})
			}
		}
		batch = AppendReadings(batch[:0], readings, false)
		b.StartTimer()
		var err error
		if verdicts, err = s.Apply(batch, verdicts); err != nil || len(verdicts.Others()) > 0 {
			b.Fatal(verdicts, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/perBatch/meter.SlotsPerDay, "ns/reading")
}

// The lookups jump from meter to meter as questions do, so that they find little of
// the grid in the processor's caches.
func BenchmarkGrid(b *testing.B) {
	s := filled(b, benchMeters, benchDays)
	next := func(n int) (Index, meter.Slot) {
		return Index(n * 7919 % benchMeters), benchFirst + meter.Slot(n*104729%(benchDays*meter.SlotsPerDay))
	}
	b.Run("at", func(b *testing.B) {
		b.ReportAllocs()
		for n := 0; b.Loop(); n++ {
			i, slot := next(n)
			if _, found := s.grid.at(i, slot); !found {
				b.Fatal("a reading is missing")
			}
		}
	})
	b.Run("before", func(b *testing.B) {
		b.ReportAllocs()
		for n := 0; b.Loop(); n++ {
			i, slot := next(n)
			if _, found := s.grid.before(i, slot+1); !found {
				b.Fatal("a reading is missing")
			}
		}
	})
	b.Run("a day", func(b *testing.B) {
		b.ReportAllocs()
		var points []meter.Point
		for n := 0; b.Loop(); n++ {
			i, _ := next(n)
			points = s.grid.appendPoints(points[:0], i, meter.Window{From: benchFirst + 48, To: benchFirst + 96})
		}
	})
	b.Run("a month", func(b *testing.B) {
		b.ReportAllocs()
		var points []meter.Point
		for n := 0; b.Loop(); n++ {
			i, _ := next(n)
			points = s.grid.appendPoints(points[:0], i, meter.Window{From: benchFirst, To: benchFirst + benchDays*48})
		}
	})
}

// BenchmarkLookup turns ids into meters, and judges a reading of each.
func BenchmarkLookup(b *testing.B) {
	s := filled(b, benchMeters, 1)
	ids := make([]meter.ID, benchMeters)
	for i := range ids {
		ids[i] = s.Account(Index(i)).ID
	}
	later, _ := meter.RegisterFromParts(1<<40, 3)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		m, known := s.Lookup(ids[n*7919%benchMeters])
		if !known || s.Judge(Reading{m.Index, benchFirst + 48, later}, false).Outcome != Accepted {
			b.Fatal("a reading is refused")
		}
	}
}
