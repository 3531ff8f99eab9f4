package store

import (
	"fmt"
	"testing"

	"meterledger/internal/meter"
)

// month of readings of many meters, as their meters would send them.
func filled(b *testing.B, meters, days int) *Store {
	s := New()
	var batch []byte
	apply := func() {
		if _, err := s.Apply(batch, Verdicts{}); err != nil {
			b.Fatal(err)
		}
		batch = batch[:0]
	}
	batch = AppendLevel(batch, LevelNewest)
	for i := range meters {
		batch = AppendAccount(batch, meter.Account{ID: meter.ID(fmt.Sprintf("M%07d", i)), OwnerName: "Tan", Address: "Road", RegisteredAt: account.RegisteredAt})
	}
	apply()
	for slot := range meter.Slot(days * meter.SlotsPerDay) {
		for i := range Index(meters) {
			register, _ := meter.RegisterFromParts(1_000_000+int64(slot)*250+int64(i), 3)
			batch = AppendReading(batch, Reading{i, 48*20_000 + slot, register})
		}
		apply()
	}
	return s
}

const benchMeters, benchDays = 10_000, 31

func BenchmarkEncodeState(b *testing.B) {
	s := filled(b, benchMeters, benchDays)
	var bytes int64
	for b.Loop() {
		f := s.Freeze()
		bytes = 0
		if err := f.Encode(func(record []byte) error { bytes += int64(len(record)); return nil }); err != nil {
			b.Fatal(err)
		}
		f.Thaw()
	}
	b.SetBytes(bytes)
}

func BenchmarkDecodeState(b *testing.B) {
	f := filled(b, benchMeters, benchDays).Freeze()
	records := encodeState(b, f)
	var bytes int64
	for _, record := range records {
		bytes += int64(len(record))
	}
	b.SetBytes(bytes)
	for b.Loop() {
		if _, err := decodeState(records); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(benchMeters*benchDays*meter.SlotsPerDay*b.N)/b.Elapsed().Seconds(), "readings/s")
}

func BenchmarkFreeze(b *testing.B) {
	s := filled(b, benchMeters, benchDays)
	for b.Loop() {
		s.Freeze().Thaw()
	}
}
