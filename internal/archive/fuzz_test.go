package archive_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
)

// FuzzIndex looks for meters in any bytes that have the name of a compressed archive, as
// they are and with the end of a whole one behind them. What it finds lies in the window.
func FuzzIndex(f *testing.F) {
	disk := vfs.NewMem()
	folder, window, _ := compressed(f, disk, 12)
	whole := textOf(f, folder, name)
	for _, cut := range []int{0, 1, 16, 100, len(whole) / 2} {
		f.Add([]byte(whole[:len(whole)-cut]), 3)
	}
	f.Add([]byte(strings.Repeat("\xff", 8)+"MLINDEX1"), 0)
	f.Fuzz(func(t *testing.T, b []byte, household int) {
		for _, text := range []string{string(b), string(b) + whole[max(0, len(whole)-200):]} {
			put(t, disk, name+".zst", text)
			found, err := folder.FindMeter(name, householdID(household&0xff), window, nil)
			if err != nil {
				continue
			}
			for _, point := range found {
				if !window.Contains(point.Slot) {
					t.Fatalf("%v lies outside the window", point)
				}
			}
		}
	})
}

// FuzzRows reads any bytes that have the name of a plain archive, as a whole and for one meter.
func FuzzRows(f *testing.F) {
	disk, z := vfs.NewMem(), singapore(f)
	folder, window := openFolder(f, disk, z), z.MonthWindow(november)
	write(f, folder, name, readings{"A": {{Slot: window.From, Register: kwh(f, "7")}}, "B": {{Slot: window.From, Register: kwh(f, "0.5")}}})
	f.Add([]byte(textOf(f, folder, name)))
	f.Add([]byte("meter_id,timestamp,reading\n\n"))
	f.Add([]byte("meter_id,timestamp,reading\nA,2026-11-01T00:00:00,1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		put(t, disk, name, string(b))
		points, err := folder.FindMeter(name, "A", window, nil)
		if err == nil && slices.ContainsFunc(points, func(p meter.Point) bool { return !window.Contains(p.Slot) }) {
			t.Fatalf("%v lie outside the window", points)
		}
		wantOrdered(t, folder)
	})
}

// wantOrdered reads a file until it ends or cannot be read: its meters come in their order.
func wantOrdered(t *testing.T, folder *archive.Folder) {
	t.Helper()
	reader, err := folder.Read(name)
	if err != nil {
		return
	}
	defer reader.Close()
	for last := meter.ID(""); ; {
		rows, err := reader.Next()
		if err != nil {
			return
		}
		if rows.Meter <= last || len(rows.Points) == 0 {
			t.Fatalf("%d rows of %q come after %q", len(rows.Points), rows.Meter, last)
		}
		last = rows.Meter
	}
}

// FuzzManifest reads any bytes as a manifest. What is taken for one is written down and
// read back as it is.
func FuzzManifest(f *testing.F) {
	disk := vfs.NewMem()
	folder := openFolder(f, disk, singapore(f))
	manifestName := strings.TrimSuffix(name, ".csv") + ".json"
	if err := folder.WriteManifest(folder.NewManifest(path+"/"+name, archive.Written{Rows: 1, Meters: 1}, "v", time.Unix(1_800_000_000, 0))); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(textOf(f, folder, manifestName)))
	f.Add([]byte(`{"file":"` + name + `"}`))
	f.Add([]byte(`{"file":"` + name + `","period":"2026-11-30","written_at":"0000-01-01T00:00:00+23:59"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		put(t, disk, manifestName, string(b))
		found, err := folder.Manifest(name)
		if err != nil {
			return
		}
		if err := folder.WriteManifest(found); err != nil {
			t.Fatalf("a manifest that was read cannot be written: %v", err)
		}
		again, err := folder.Manifest(name)
		if err != nil {
			t.Fatal(err)
		}
		one, err := json.Marshal(found)
		if err != nil {
			t.Fatal(err)
		}
		if other, err := json.Marshal(again); err != nil || string(one) != string(other) {
			t.Fatalf("%s is read back as %s, %v", one, other, err)
		}
	})
}
