package pages

import (
	"math"
	"slices"
	"testing"
	"time"

	"meterledger/internal/meter"
)

func TestWordsForCountsAndSpansOfTime(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{count(1, "half hour"), "1 half hour"},
		{count(0, "reading"), "0 readings"},
		{count(1_600_000, "meter"), "1,600,000 meters"},
		{grouped(999), "999"},
		{grouped(-1000), "-1,000"},
		{grouped(-100_000), "-100,000"},
		{are(1), "1 is"},
		{are(2000), "2,000 are"},
		{ago(-time.Hour), "just now"},
		{ago(59 * time.Second), "just now"},
		{ago(time.Minute), "1 minute ago"},
		{ago(119 * time.Minute), "119 minutes ago"},
		{ago(2 * time.Hour), "2 hours ago"},
		{ago(47 * time.Hour), "47 hours ago"},
		{ago(48 * time.Hour), "2 days ago"},
		{dayName(meter.Day{Year: 2026, Month: 11, Day: 5}), "Thu 5 Nov 2026"},
		{monthName(meter.Month{Year: 2026, Month: 2}), "February 2026"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

func TestPeriodsFollowTheCalendar(t *testing.T) {
	thursday := meter.Day{Year: 2024, Month: 2, Day: 29}
	for _, c := range []struct {
		by                            span
		is, before, after, yearBefore string
	}{
		{aDay, "Thu 29 Feb 2024", "Wed 28 Feb 2024", "Fri 1 Mar 2024", "Thu 2 Mar 2023"},
		{aWeek, "26 Feb to 3 Mar 2024", "19 Feb to 25 Feb 2024", "4 Mar to 10 Mar 2024", "27 Feb to 5 Mar 2023"},
		{aMonth, "February 2024", "January 2024", "March 2024", "February 2023"},
		{aYear, "2024", "2023", "2025", "2023"},
	} {
		p := periodAround(c.by, thursday)
		for _, got := range [][2]string{{p.String(), c.is}, {p.add(-1).String(), c.before}, {p.add(1).String(), c.after}, {p.yearBefore().String(), c.yearBefore}} {
			if got[0] != got[1] {
				t.Errorf("%s: %q, want %q", c.by, got[0], got[1])
			}
		}
	}
}

func TestABarIsAsHighAsItsShareOfTheScale(t *testing.T) {
	unknown := math.NaN()
	chart := newBars("a chart", []place{{now: 3, before: 1.5, class: "bar"}, {now: unknown, before: 6, class: "bar"}, {now: unknown, before: unknown, isMissing: true, label: "c"}, {now: 0, before: unknown, class: "bar"}})
	want := [][]bar{
		{{"bar before", "1.25%", "75%", "22.5%", "25%"}, {"bar", "5%", "50%", "15%", "50%"}},
		{{"bar before", "26.25%", "0%", "22.5%", "100%"}},
		{{"missing", "50%", "0", "25%", "100%"}},
		{{"bar", "80%", "100%", "15%", "0%"}},
	}
	for i, p := range chart.Places {
		if !slices.Equal(p.Bars, want[i]) {
			t.Errorf("place %d: %v, want %v", i, p.Bars, want[i])
		}
	}
	if chart.Scale != [3]string{"6", "3", "0"} || !slices.Equal(chart.Labels, []barLabel{{"62.5%", "c"}}) {
		t.Errorf("scale %v, labels %v", chart.Scale, chart.Labels)
	}
}

func TestTheScaleOfAChartHoldsItsBarsAndIsEasyToRead(t *testing.T) {
	for kwh, want := range map[float64]float64{0: 1, 0.0007: 0.0008, 0.31: 0.4, 1: 1, 1.01: 1.5, 50.4: 60, 81: 100, 100: 100, 1234: 1500} {
		if got := roundUp(kwh); got-want > 1e-9 || want-got > 1e-9 || got < kwh {
			t.Errorf("%v: %v, want %v", kwh, got, want)
		}
	}
}
