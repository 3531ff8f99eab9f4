package meter_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"meterledger/internal/meter"
)

func anyDay() *rapid.Generator[meter.Day] {
	return rapid.Map(rapid.IntRange(0, 99*365), func(n int) meter.Day {
		return meter.Day{Year: 2000, Month: time.January, Day: 1}.AddDays(n)
	})
}

func TestDaysAreReadAndWrittenAlike(t *testing.T) {
	for _, text := range []string{"2026-11-23", "2024-02-29", "2000-02-29", "0001-01-01", "9999-12-31"} {
		if d, ok := meter.ParseDay(text); !ok || d.String() != text {
			t.Errorf("%q is the day %v, %v", text, d, ok)
		}
	}
}

func TestTextsThatAreNoDayAreRefused(t *testing.T) {
	for _, text := range []string{
		"", "2026", "2026-11", "2026-11-31", "2026-02-29", "2100-02-29", "2026-13-01", "2026-00-01", "2026-01-00", "2026-1-1", "26-01-01",
		"2026-11-23 ", " 2026-11-23", "2026-11-23T00:00", "2026/11/23", "20261123", "10000-01-01", "-026-01-01", "+026-01-01",
		"２026-11-23", "2026-11-2\xff", "2026-11-23.5", strings.Repeat("2026-11-23", 10_000),
	} {
		if d, ok := meter.ParseDay(text); ok {
			t.Errorf("%.40q was read as %v", text, d)
		}
	}
}

func TestMonthsAreReadAndWrittenAlike(t *testing.T) {
	for _, text := range []string{"2026-11", "2000-01", "0001-12", "9999-12"} {
		if m, ok := meter.ParseMonth(text); !ok || m.String() != text {
			t.Errorf("%q is the month %v, %v", text, m, ok)
		}
	}
}

func TestTextsThatAreNoMonthAreRefused(t *testing.T) {
	for _, text := range []string{
		"", "2026", "2026-13", "2026-00", "2026-1", "26-01", "2026-11-01", "2026/11", "202611", "2026-11 ", " 2026-11", "10000-01",
		"-026-01", "2026-\xff1", "November",
	} {
		if m, ok := meter.ParseMonth(text); ok {
			t.Errorf("%q was read as %v", text, m)
		}
	}
}

func TestWeeksBeginOnMonday(t *testing.T) {
	for day, want := range map[string]string{
		"2026-11-23": "2026-11-23", // a Monday
		"2026-11-29": "2026-11-23",
		"2026-11-30": "2026-11-30",
		"2027-01-01": "2026-12-28", // a Friday of a week that began last year
		"2024-01-01": "2024-01-01",
		"2023-01-01": "2022-12-26",
		"2024-03-03": "2024-02-26", // over a leap day
	} {
		d, _ := meter.ParseDay(day)
		if got := d.Monday().String(); got != want {
			t.Errorf("the week of %s begins on %s, want %s", day, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		d := anyDay().Draw(t, "day")
		monday := d.Monday()
		weekday := time.Date(monday.Year, monday.Month, monday.Day, 0, 0, 0, 0, time.UTC).Weekday()
		if weekday != time.Monday || d.Before(monday) || !d.Before(monday.AddDays(7)) {
			t.Fatalf("the week of %v begins on %v, a %v", d, monday, weekday)
		}
	})
}

func TestDaysAreCountedAsTheCalendarDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, n := anyDay().Draw(t, "day"), rapid.IntRange(-20_000, 20_000).Draw(t, "n")
		later := d.AddDays(n)
		days := time.Date(later.Year, later.Month, later.Day, 0, 0, 0, 0, time.UTC).
			Sub(time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC)) / (24 * time.Hour)
		if int(days) != n || later.AddDays(-n) != d {
			t.Fatalf("%d days from %v is %v", n, d, later)
		}
		if got := later.Compare(d); (got > 0) != (n > 0) || (got < 0) != (n < 0) || later.Before(d) != (n < 0) {
			t.Fatalf("%v compared with %v is %d", later, d, got)
		}
		if d.CalendarMonth().String() != d.String()[:7] {
			t.Fatalf("%v lies in month %v", d, d.CalendarMonth())
		}
	})
}

func TestMonthsAreCountedAsTheCalendarDoes(t *testing.T) {
	for _, c := range []struct {
		month string
		n     int
		want  string
	}{
		{"2026-11", 0, "2026-11"},
		{"2026-11", 1, "2026-12"},
		{"2026-12", 1, "2027-01"},
		{"2026-01", -1, "2025-12"},
		{"2026-11", -23, "2024-12"},
		{"2026-11", 1200, "2126-11"},
		{"0000-02", -1, "0000-01"},
	} {
		m, _ := meter.ParseMonth(c.month)
		if got := m.Add(c.n).String(); got != c.want {
			t.Errorf("%d months from %s is %s, want %s", c.n, c.month, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		m, n := anyDay().Draw(t, "day").CalendarMonth(), rapid.IntRange(-1200, 1200).Draw(t, "n")
		later := m.Add(n)
		want := time.Date(m.Year, m.Month+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
		if later.Year != want.Year() || later.Month != want.Month() || later.Add(-n) != m {
			t.Fatalf("%d months from %v is %v", n, m, later)
		}
		if later.Compare(m) != n || later.Before(m) != (n < 0) {
			t.Fatalf("%v compared with %v is %d, want %d", later, m, later.Compare(m), n)
		}
		if d := m.FirstDay(); d.Day != 1 || d.CalendarMonth() != m {
			t.Fatalf("the first day of %v is %v", m, d)
		}
	})
}

func TestTheMonthBeforeTheYear0IsAMonthOfTheCalendar(t *testing.T) {
	m, _ := meter.ParseMonth("0000-01")
	before := m.Add(-1)
	if before != (meter.Month{Year: -1, Month: time.December}) {
		t.Errorf("the month before 0000-01 is year %d, month %d", before.Year, before.Month)
	}
}

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
