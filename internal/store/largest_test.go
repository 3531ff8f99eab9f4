package store

import (
	"slices"
	"testing"

	"meterledger/internal/meter"
)

func TestTheLargestDaysAndMetersComeFirst(t *testing.T) {
	s := tenMeters(t)
	for i := range Index(8) { // a dense day
		mustApply(t, s, AppendReading(nil, Reading{i, closedFrom, meter.Register{}}))
	}
	for day := range meter.Slot(3) { // days of one meter
		mustApply(t, s, AppendReading(nil, Reading{3, closedFrom + 48*(10+day), meter.Register{}}))
	}
	days, meters := s.Largest(2)
	dense, sparse := DayBytes{closedFrom, 10 * blockSize}, DayBytes{closedFrom + 480, 19}
	if want := []DayBytes{dense, sparse}; !slices.Equal(days, want) {
		t.Errorf("the days are %v, want %v", days, want)
	}
	if want := []MeterBytes{{3, blockSize + 3*19}, {0, blockSize}}; !slices.Equal(meters, want) {
		t.Errorf("the meters are %v, want %v", meters, want)
	}
}
