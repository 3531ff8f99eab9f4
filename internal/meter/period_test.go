package meter_test

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"meterledger/internal/meter"
)

func anyPeriod() *rapid.Generator[meter.Period] {
	return rapid.Custom(func(t *rapid.T) meter.Period {
		day := anyDay().Draw(t, "day")
		if rapid.Bool().Draw(t, "month") {
			return day.CalendarMonth().Period()
		}
		return day.Period()
	})
}

func TestPeriodsAreReadAndWrittenAsTheirDaysAndMonths(t *testing.T) {
	for _, text := range []string{"2026-11-23", "2026-11", "2024-02-29", "0001-01"} {
		if p, ok := meter.ParsePeriod(text); !ok || p.String() != text || p.IsMonth() != (len(text) == len("2026-11")) {
			t.Errorf("%q is the period %v, %v", text, p, ok)
		}
	}
	for _, text := range []string{"", "2026", "2026-11-31", "2026-13", "2026-11-23T00:00", "all", "2026-11 "} {
		if p, ok := meter.ParsePeriod(text); ok {
			t.Errorf("%q was read as %v", text, p)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		p := anyPeriod().Draw(t, "period")
		text, err := json.Marshal(p)
		var back meter.Period
		if err != nil || json.Unmarshal(text, &back) != nil || back != p || string(text) != `"`+p.String()+`"` {
			t.Fatalf("%v is written as %s and read as %v, %v", p, text, back, err)
		}
	})
}

func TestTheWindowOfAPeriodIsThatOfItsDayOrMonth(t *testing.T) {
	zone, err := meter.LoadZone("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		day := anyDay().Draw(t, "day")
		if got := day.Period().Window(zone); got != zone.DayWindow(day) {
			t.Fatalf("%v has the window %v", day, got)
		}
		month := day.CalendarMonth()
		if got := month.Period().Window(zone); got != zone.MonthWindow(month) {
			t.Fatalf("%v has the window %v", month, got)
		}
		p := anyPeriod().Draw(t, "period")
		rows, next := p.Window(zone).Rows(), p.Add(1).Window(zone)
		if rows.To+1 != next.From || rows.Points() != p.Window(zone).Points()-1 {
			t.Fatalf("the rows of %v are %v, and %v begins with %v", p, rows, p.Add(1), next.From)
		}
	})
}

func TestPeriodsFollowEachOtherInTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, n := anyPeriod().Draw(t, "period"), rapid.IntRange(-500, 500).Draw(t, "n")
		later := p.Add(n)
		if later.IsMonth() != p.IsMonth() || later.Add(-n) != p || later.Compare(p)*n < 0 || (later == p) != (n == 0) {
			t.Fatalf("%d after %v comes %v", n, p, later)
		}
	})
	if (meter.Period{}).IsMonth() || (meter.Period{}).String() != "" {
		t.Error("no period is taken for one")
	}
}
