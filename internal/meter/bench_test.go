package meter_test

import (
	"testing"

	"meterledger/internal/meter"
)

func BenchmarkParseRegister(b *testing.B) {
	text := []byte("123456.789")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := meter.ParseRegister(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseSlot(b *testing.B) {
	for _, c := range []struct{ name, zone, stamp string }{
		{"local", "Asia/Singapore", "2026-11-23T14:30:00"},
		{"local with daylight saving", "Europe/London", "2026-07-23T14:30:00"},
		{"offset", "Asia/Singapore", "2026-11-23T06:30:00Z"},
	} {
		b.Run(c.name, func(b *testing.B) {
			zone := loadZone(b, c.zone)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := zone.ParseSlot("timestamp", c.stamp); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkStamp(b *testing.B) {
	zone := loadZone(b, "Asia/Singapore")
	b.ReportAllocs()
	for b.Loop() {
		_ = zone.Stamp(997_000)
	}
}

func BenchmarkAppendRegister(b *testing.B) {
	register := kwh(b, "123456.789")
	var text []byte
	b.ReportAllocs()
	for b.Loop() {
		text = register.Append(text[:0])
	}
}
