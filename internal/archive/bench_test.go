package archive_test

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
)

// benchMonth is a month of homes, made up as it is asked for.
type benchMonth struct {
	meters, next int
	points       []meter.Point
}

func newBenchMonth(meters, slots int, first meter.Slot) *benchMonth {
	m := &benchMonth{meters: meters}
	for i := range slots {
		register, _ := meter.KWhFromParts(12_345_678+int64(i)*217, 3)
		m.points = append(m.points, meter.Point{Slot: first + meter.Slot(i), Register: register})
	}
	return m
}

func benchMeter(i int) meter.ID { return meter.ID(fmt.Sprintf("m-%07d", i)) }

func (m *benchMonth) Next() (archive.Rows, error) {
	if m.next == m.meters {
		return archive.Rows{}, io.EOF
	}
	m.next++
	return archive.Rows{Meter: benchMeter(m.next - 1), Points: m.points}, nil
}

// openBench opens a folder on the disk of the temporary folder.
func openBench(b *testing.B, z *meter.Zone) *archive.Folder {
	b.Helper()
	f, err := archive.OpenFolder(vfs.Default, b.TempDir(), z)
	if err != nil {
		b.Fatal(err)
	}
	return f
}

func octoberOf(z *meter.Zone) meter.Window {
	w := z.MonthWindow(meter.Month{Year: 2026, Month: time.October})
	w.To--
	return w
}

// BenchmarkWrite writes an archive of 1,000 meters, fsync and all.
func BenchmarkWrite(b *testing.B) {
	z := singapore(b)
	f, w := openBench(b, z), octoberOf(z)
	const meters = 1000
	rows := meters * w.Points()
	for b.Loop() {
		written, err := f.Write("monthly_2026-10.csv", w, newBenchMonth(meters, w.Points(), w.From), func(archive.Rows) {}, anyIntent)
		if err != nil || written.Rows != uint64(rows) {
			b.Fatal(written.Rows, err)
		}
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkFindMeter reads one meter's month out of an archive, whatever its size.
func BenchmarkFindMeter(b *testing.B) {
	z := singapore(b)
	w := octoberOf(z)
	for _, meters := range []int{100, 10_000} {
		b.Run(fmt.Sprintf("of %d", meters), func(b *testing.B) {
			f := openBench(b, z)
			const slots = 96
			if _, err := f.Write("monthly_2026-10.csv", w, newBenchMonth(meters, slots, w.From), func(archive.Rows) {}, anyIntent); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				points, err := f.FindMeter("monthly_2026-10.csv", benchMeter(n*7919%meters), w, nil)
				if err != nil || len(points) != slots {
					b.Fatal(len(points), err)
				}
			}
		})
	}
}
