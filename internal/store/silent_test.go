package store

import (
	"fmt"
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
		if _, err := s.Apply(batch, nil); err != nil {
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
	}
}
