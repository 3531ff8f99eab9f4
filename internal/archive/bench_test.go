package archive_test

import (
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
)

// households is a Source of many meters' whole month.
type households struct {
	window meter.Window
	left   int
	next   int
	points []meter.Point
}

func (h *households) Next() (archive.Rows, error) {
	if h.left == 0 {
		return archive.Rows{}, io.EOF
	}
	h.left--
	id := householdID(h.next)
	register := int64(1_000_000 + h.next*7919)
	h.next++
	h.points = h.points[:0]
	for s := h.window.From; s < h.window.To; s++ {
		register += int64(s*2654435761>>24) % 700
		k, _ := meter.RegisterFromParts(register, 3)
		h.points = append(h.points, meter.Point{Slot: s, Register: k})
	}
	return archive.Rows{Meter: id, Points: h.points}, nil
}

func householdID(n int) meter.ID {
	return meter.ID(fmt.Sprintf("%03d-%03d-%03d", n/1000000, n/1000%1000, n%1000))
}

// writeHouseholds writes a month of many meters to the real disk.
func writeHouseholds(b *testing.B, meters int) (f *archive.Folder, w meter.Window, written archive.Written) {
	b.Helper()
	z := singapore(b)
	w = z.MonthWindow(november)
	f, err := archive.OpenFolder(vfs.Default, b.TempDir(), z)
	if err != nil {
		b.Fatal(err)
	}
	written, err = f.Write(name, &households{window: w, left: meters}, steps())
	if err != nil {
		b.Fatal(err)
	}
	return f, w, written
}

const benchMeters = 10_000

func BenchmarkWriteMonth(b *testing.B) {
	rows := uint64(0)
	for b.Loop() {
		_, _, written := writeHouseholds(b, benchMeters)
		b.SetBytes(written.Bytes)
		rows += written.Rows
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkCopyMonth copies a file of the same size to the same disk.
func BenchmarkCopyMonth(b *testing.B) {
	f, _, written := writeHouseholds(b, benchMeters)
	b.SetBytes(written.Bytes)
	for b.Loop() {
		if err := copyFile(f.Path(name), f.Path("copy")); err != nil {
			b.Fatal(err)
		}
	}
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := io.CopyBuffer(struct{ io.Writer }{out}, struct{ io.Reader }{in}, make([]byte, 1<<20)); err != nil {
		return err
	}
	return out.Sync()
}

func BenchmarkPreviewMonth(b *testing.B) {
	z := singapore(b)
	w := z.MonthWindow(november)
	f := openFolder(b, vfs.NewMem(), z)
	rows := uint64(0)
	for b.Loop() {
		written, err := f.Preview(&households{window: w, left: benchMeters}, steps().Each)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(written.Bytes)
		rows += written.Rows
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkReadMonth(b *testing.B) {
	f, _, written := writeHouseholds(b, benchMeters)
	b.SetBytes(written.Bytes)
	for b.Loop() {
		r, err := f.Read(name)
		if err != nil {
			b.Fatal(err)
		}
		for err == nil {
			_, err = r.Next()
		}
		if err != io.EOF || r.Close() != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(written.Rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkFindMeter(b *testing.B) {
	for _, meters := range []int{1000, 100_000} {
		b.Run(fmt.Sprintf("meters=%d", meters), func(b *testing.B) {
			f, w, _ := writeHouseholds(b, meters)
			points := make([]meter.Point, 0, w.Points())
			n := 0
			for b.Loop() {
				n = (n + 7919) % meters
				found, err := f.FindMeter(name, householdID(n), w, points)
				if err != nil || len(found) != w.Points()-1 {
					b.Fatalf("%d points, %v", len(found), err)
				}
			}
		})
	}
}
