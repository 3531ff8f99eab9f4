package store

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"meterledger/internal/meter"
)

func TestMetersAreLocatedInWhateverOrderTheyCome(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := tenMeters(t)
		var last Index
		for range 3 {
			var rows []meter.Row
			for slot := range meter.Slot(rapid.IntRange(0, 30).Draw(t, "rows")) {
				id := fmt.Sprintf("M%d", rapid.IntRange(0, 11).Draw(t, "meter")) // the last two are not registered
				rows = append(rows, meter.Row{Meter: []byte(id), Slot: slot})
			}
			located, unknown := s.Locate(rows, last, nil, nil)
			for place, row := range rows {
				m, known := s.Lookup(meter.ID(row.Meter))
				if !known && len(unknown) > 0 && unknown[0] == place {
					unknown = unknown[1:]
					continue
				}
				if !known || located[0] != (Reading{m.Index, row.Slot, row.Register}) {
					t.Fatalf("row %d of %s is located at %+v, want %d, %v", place, row.Meter, located[0], m.Index, known)
				}
				last, located = m.Index, located[1:]
			}
			if len(located)+len(unknown) > 0 {
				t.Fatalf("%d and %d too many", len(located), len(unknown))
			}
		}
	})
}

func TestNothingIsLocatedWhereNothingIsRegistered(t *testing.T) {
	located, unknown := New().Locate([]meter.Row{{Meter: []byte("A")}}, 0, nil, nil)
	if len(located) != 0 || len(unknown) != 1 {
		t.Errorf("%v, %v", located, unknown)
	}
}
