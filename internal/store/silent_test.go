package store

import (
	"fmt"
	"slices"
	"testing"

	"meterledger/internal/meter"
)

func TestSilentMetersAreCountedOverAllMeters(t *testing.T) {
	for _, meters := range []int{0, 1, silentTogether, silentTogether + 1} {
		s := New()
		var batch []byte
		for i := range meters {
			batch = AppendAccount(batch, meter.Account{ID: meter.ID(fmt.Sprintf("m%d", i)), OwnerName: "Tan", Address: "Road"})
		}
		for i := range meters / 2 * 2 { // two of three have a reading, each at a time of its own
			if i%3 != 0 {
				batch = AppendReadings(batch, []Reading{{Meter: Index(i), Slot: meter.Slot(1000 + i), Register: meter.Register{}}}, false)
			}
		}
		if _, err := s.Apply(batch, Verdicts{}); err != nil {
			t.Fatal(err)
		}
		want, last, newest := 0, meter.Slot(1000+meters/2), meter.Slot(0)
		for i := range meters {
			latest := s.Latest(Index(i)).Slot
			newest = max(newest, latest)
			if latest <= last {
				want++
			}
		}
		if silent, at := s.CountSilent(last); silent != want || at != newest {
			t.Errorf("%d of %d meters are silent, the newest reading is at %d; want %d, %d", silent, meters, at, want, newest)
		}
		counts, byAge, never := make([]int, 4), make([]int, 4), 0
		for i := range meters {
			if latest := s.Latest(Index(i)).Slot; latest == 0 {
				never++
			} else {
				byAge[min(max(int(last)-int(latest), 0), 3)]++
			}
		}
		if got := s.CountLatest(last, counts); got != never || !slices.Equal(counts, byAge) {
			t.Errorf("of %d meters %d never reported, and by age %d did; want %d, %d", meters, got, counts, never, byAge)
		}
	}
}

func BenchmarkCountLatest(b *testing.B) {
	for _, meters := range []int{20_000, 1_600_000} {
		b.Run(fmt.Sprint(meters), func(b *testing.B) {
			s, batch := New(), []byte(nil)
			for i := range meters {
				batch = AppendAccount(batch, meter.Account{ID: meter.ID(fmt.Sprintf("SG-%07d", i)), OwnerName: "Owner", Address: "1 Road"})
				batch = AppendReadings(batch, []Reading{{Meter: Index(i), Slot: meter.Slot(1_000_000 + i%48)}}, false)
				if i%1000 == 999 {
					mustApply(b, s, batch)
					batch = batch[:0]
				}
			}
			counts := make([]int, 13)
			for b.Loop() {
				s.CountLatest(1_000_047, counts)
			}
		})
	}
}
