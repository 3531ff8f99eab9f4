package meter_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"meterledger/internal/meter"
)

func TestNamesThatAreNoZoneAreRefused(t *testing.T) {
	for _, name := range []string{"", "Local", "Mars/Olympus", "+08:00", "../../etc/passwd", "/etc/passwd", "Asia", "Asia/Singapore\x00"} {
		if z, err := meter.LoadZone(name); err == nil {
			t.Errorf("%q is the zone %v", name, z)
		}
	}
}

func TestDaysHaveAsManyPointsAsTheirHours(t *testing.T) {
	for _, c := range []struct {
		zone, day string
		points    int // both ends counted
	}{
		{"Asia/Singapore", "2026-11-23", 49},
		{"Asia/Kathmandu", "2026-11-23", 49},
		{"Europe/London", "2026-03-29", 47},
		{"Europe/London", "2026-10-25", 51},
		{"America/New_York", "2026-03-08", 47},
		{"America/New_York", "2026-11-01", 51},
		{"Australia/Lord_Howe", "2026-10-04", 48},
		{"Australia/Lord_Howe", "2026-04-05", 50},
		{"America/Sao_Paulo", "2018-11-04", 47}, // begins at 01:00
		{"America/Sao_Paulo", "2018-11-03", 49},
		{"America/Sao_Paulo", "2018-02-17", 51}, // 23:00 comes twice
		{"America/Sao_Paulo", "2018-02-18", 49},
	} {
		day, _ := meter.ParseDay(c.day)
		if got := loadZone(t, c.zone).DayWindow(day).Points(); got != c.points {
			t.Errorf("%s in %s has %d points, want %d", c.day, c.zone, got, c.points)
		}
	}
}

func TestADayThatTheClockJumpsIntoBeginsWhereItLands(t *testing.T) {
	z := loadZone(t, "America/Sao_Paulo")
	day, _ := meter.ParseDay("2018-11-04")
	if got := z.Stamp(z.DayStart(day)); got != "2018-11-04T01:00:00" {
		t.Errorf("the day begins at %s", got)
	}
}

func TestADayThatAZoneLeavesOutIsEmpty(t *testing.T) {
	z := loadZone(t, "Pacific/Apia") // crossed the date line: the 29th was followed by the 31st
	day, _ := meter.ParseDay("2011-12-30")
	if got := z.Stamp(z.DayStart(day)); got != "2011-12-31T00:00:00" {
		t.Errorf("the day begins at %s", got)
	}
	if w := z.DayWindow(day); w.Points() != 1 {
		t.Errorf("the day has %d points, want the one that ends the day before", w.Points())
	}
	if w := z.DayWindow(day.AddDays(-1)); w.Points() != 49 {
		t.Errorf("the day before has %d points", w.Points())
	}
}

// firstSlots walks the grid over the given year and the days around it, and notes
// the first slot that each day of the clock has.
func firstSlots(z *meter.Zone, year int) map[string]meter.Slot {
	first := map[string]meter.Slot{}
	s, _ := z.SlotOf(time.Unix(time.Date(year-1, 12, 20, 0, 0, 0, 0, z.Location()).Unix(), 0))
	for ; z.Time(s).Before(time.Date(year+1, 1, 12, 0, 0, 0, 0, z.Location())); s++ {
		day := z.Time(s).Format(time.DateOnly)
		if _, known := first[day]; !known {
			first[day] = s
		}
	}
	return first
}

func TestWindowsOfAYearAreThoseOfANaiveWalk(t *testing.T) {
	for _, name := range zoneNames {
		for _, year := range []int{2018, 2024, 2026} {
			z := loadZone(t, name)
			first := firstSlots(z, year)
			for d := (meter.Day{Year: year, Month: time.January, Day: 1}); d.Year == year; d = d.AddDays(1) {
				monday, month := d.Monday(), d.CalendarMonth()
				for _, c := range []struct {
					kind     string
					got      meter.Window
					from, to meter.Day
				}{
					{"day", z.DayWindow(d), d, d.AddDays(1)},
					{"week", z.WeekWindow(d), monday, monday.AddDays(7)},
					{"month", z.MonthWindow(month), month.FirstDay(), month.Add(1).FirstDay()},
				} {
					want := meter.Window{From: first[c.from.String()], To: first[c.to.String()]}
					if c.got != want {
						t.Fatalf("%s: the %s of %v is %v, want %v", name, c.kind, d, c.got, want)
					}
				}
			}
		}
	}
}

func TestTheDaysOfAnyMonthAddUpToTheMonth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		z, err := meter.LoadZone(rapid.SampledFrom(zoneNames).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		month := anyDay().Draw(t, "day").CalendarMonth()
		whole := z.MonthWindow(month)
		end, points := whole.From, 1
		for d := month.FirstDay(); d.CalendarMonth() == month; d = d.AddDays(1) {
			w := z.DayWindow(d)
			if w.From != end || w.To <= w.From {
				t.Fatalf("%v runs over %v, the day before ended at %d", d, w, end)
			}
			if z.DayOf(w.From) != d || z.DayOf(w.To-1) != d || z.MonthOf(w.From) != month {
				t.Fatalf("%v runs from %s to %s", d, z.Stamp(w.From), z.Stamp(w.To))
			}
			end, points = w.To, points+w.Points()-1
		}
		if end != whole.To || points != whole.Points() || z.MonthWindow(month.Add(1)).From != whole.To {
			t.Fatalf("the days of %v end at %d with %d points, the month is %v with %d", month, end, points, whole, whole.Points())
		}
	})
}

func TestTodayIsTheDayOnTheZonesClock(t *testing.T) {
	z := loadZone(t, "Asia/Singapore")
	for at, want := range map[string]string{
		"2026-11-23T15:59:59Z": "2026-11-23",
		"2026-11-23T16:00:00Z": "2026-11-24",
	} {
		if got := z.Today(instant(t, at)).String(); got != want {
			t.Errorf("at %s it is %s, want %s", at, got, want)
		}
	}
}

func TestAWindowHasBothItsEnds(t *testing.T) {
	for _, c := range []struct {
		window meter.Window
		points int
		has    []meter.Slot
		hasNot []meter.Slot
	}{
		{meter.Window{From: 5, To: 7}, 3, []meter.Slot{5, 6, 7}, []meter.Slot{0, 4, 8}},
		{meter.Window{From: 5, To: 5}, 1, []meter.Slot{5}, []meter.Slot{4, 6}},
		{meter.Window{From: 5, To: 4}, 0, nil, []meter.Slot{4, 5}},
		{meter.Window{From: 5, To: 9}.Until(6), 2, []meter.Slot{5, 6}, []meter.Slot{7}},
		{meter.Window{From: 5, To: 9}.Until(20), 5, []meter.Slot{9}, []meter.Slot{10}},
		{meter.Window{From: 5, To: 9}.Until(3), 0, nil, []meter.Slot{3, 5}},
	} {
		if got := c.window.Points(); got != c.points {
			t.Errorf("%v has %d points, want %d", c.window, got, c.points)
		}
		for _, s := range c.has {
			if !c.window.Contains(s) {
				t.Errorf("%v does not contain %d", c.window, s)
			}
		}
		for _, s := range c.hasNot {
			if c.window.Contains(s) {
				t.Errorf("%v contains %d", c.window, s)
			}
		}
	}
}

func TestAPageIsADayOfTheGrid(t *testing.T) {
	for s, want := range map[meter.Slot][2]int{0: {0, 0}, 47: {0, 47}, 48: {1, 0}, 997_535: {20_781, 47}} {
		if day, index := s.Page(); int(day) != want[0] || index != want[1] {
			t.Errorf("slot %d lies on page %d at %d, want %v", s, day, index, want)
		}
	}
}
