package node_test

import (
	"testing"

	"meterledger/internal/meter"
	"meterledger/internal/query"
)

// TestHoursAreThoseOfTheClockHoweverItIsChanged walks over the half hours around a
// change of the clock: a new hour begins where the clock shows another hour than before,
// or has been put back.
func TestHoursAreThoseOfTheClockHoweverItIsChanged(t *testing.T) {
	for _, c := range []struct{ zone, day string }{
		{"Asia/Singapore", "2026-11-01"},
		{"Asia/Kathmandu", "2026-11-01"},
		{"Europe/London", "2026-03-29"},
		{"Europe/London", "2026-10-25"},
		{"Australia/Lord_Howe", "2026-04-05"},
		{"Australia/Lord_Howe", "2026-10-04"},
		{"Asia/Pyongyang", "2015-08-15"}, // 00:00 came twice
		{"Asia/Pyongyang", "2018-05-05"}, // the day before ended at 23:30
		{"America/Caracas", "2016-05-01"},
	} {
		b := newBench(t, c.zone)
		b.register("A")
		day, _ := meter.ParseDay(c.day)
		w := meter.Window{From: b.zone.DayStart(day.AddDays(-1)), To: b.zone.DayStart(day.AddDays(2))}
		want := []meter.Slot{w.From}
		for slot := w.From + 1; slot <= w.To; slot++ {
			before, at := b.zone.Time(slot-1), b.zone.Time(slot)
			putBack := at.Format("15:04") <= before.Format("15:04")
			if before.Hour() != at.Hour() || putBack {
				want = append(want, slot)
			}
		}
		page, err := b.Series("A", query.SeriesQuery{Window: w, Interval: query.Hour, PageSize: 1000})
		if err != nil || page.Count() != len(want)-1 {
			t.Fatalf("%s in %s has %d hours, want %d: %v", c.day, c.zone, page.Count(), len(want)-1, err)
		}
		i := 0
		for bucket := range page.Buckets() {
			if got := (meter.Window{From: want[i], To: want[i+1]}); bucket.Window != got || bucket.Clipped {
				t.Errorf("%s in %s: hour %d is %v to %v (clipped %v)", c.day, c.zone, i, b.zone.Time(bucket.Window.From), b.zone.Time(bucket.Window.To), bucket.Clipped)
			}
			i++
		}
		b.close()
	}
}
