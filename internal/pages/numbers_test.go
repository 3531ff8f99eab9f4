package pages_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"meterledger/api"
	"meterledger/internal/meter"
)

// TestEveryNumberOfAHouseholdsPagesIsTheApisAnswer draws pages of real homes, and asks the api the same. The
// page must have all numbers of the answers, in their order, and no other.
func TestEveryNumberOfAHouseholdsPagesIsTheApisAnswer(t *testing.T) {
	s, homes := startRealHomes(t)
	compared := 0
	rapid.Check(t, func(t *rapid.T) {
		home := rapid.SampledFrom(homes).Draw(t, "home")
		defer s.asOf(home.token)()
		asks := asker{suite: s, home: home, life: answer[api.Meter](s, "/meters/"+home.id)}
		path, want := "", []string(nil)
		switch rapid.SampledFrom([]string{"usage", "today", "bills", "bill", "about"}).Draw(t, "page") {
		case "usage":
			path, want = asks.usage(t)
		case "today":
			want = asks.today()
		case "bills":
			path, want = "/bills", asks.bills()
		case "bill":
			month := rapid.SampledFrom(billMonths).Draw(t, "month")
			bill := answer[apiBill](s, billAsked+home.id+"&month="+month)
			if path = "/bills/" + month; bill == nil {
				if got := s.get("/ui/meters/"+home.id+path, home.token); got.status != http.StatusNotFound {
					t.Errorf("%s has no bill for %s, but a page: %d", home.id, month, got.status)
				}
				return
			}
			want = bill.numbers()
		case "about":
			s.wantAbout(s.t, home.id, home.token)
			return
		}
		page := s.open("/ui/meters/"+home.id+path, home.token)
		if diff := cmp.Diff(want, page.data(s.t, "kwh")); diff != "" {
			t.Errorf("%s as %s (-api +page):\n%s", page.path, home.token[:12], diff)
		}
		page.want(s.t, asks.words...)
		compared += len(want)
	})
	t.Logf("%d numbers", compared)
	if compared < 1_000 {
		t.Error("that is too few")
	}
}

const billAsked = "/get_bill?numbers=string&meter_id="

var billMonths = []string{"2025-08", "2025-09", "2026-08", "2026-09", "2026-10", "2026-11"}

// asker asks the api what a page answers.
type asker struct {
	*suite
	home  realHome
	life  *api.Meter // what is known of the meter
	words []string   // that the page says of its answers
}

// span is a period of the calendar.
type span struct {
	by       string
	from, to time.Time
}

func (a *asker) day(d time.Time, by string) span {
	date := func(year int, month time.Month, day int) time.Time {
		return time.Date(year, month, day, 0, 0, 0, 0, a.zone.Location())
	}
	y, m, n := d.Date()
	switch by {
	case "day":
		return span{by, date(y, m, n), date(y, m, n+1)}
	case "week":
		n -= (int(d.Weekday()) + 6) % 7
		return span{by, date(y, m, n), date(y, m, n+7)}
	case "month":
		return span{by, date(y, m, 1), date(y, m+1, 1)}
	}
	return span{by, date(y, 1, 1), date(y+1, 1, 1)}
}

// others are the span before, and that of a year before, whose days are the same ones of the week.
func (a *asker) others(s span) []span {
	before := a.day(s.from.AddDate(0, 0, -1), s.by)
	switch s.by {
	case "year":
		return []span{before}
	case "month":
		return []span{before, a.day(s.from.AddDate(-1, 0, 0), s.by)}
	}
	return []span{before, a.day(s.from.AddDate(0, 0, -364), s.by)}
}

// part is the part of a time between the meter's first reading and its last, as parameters; nil if
// there is no half hour of it.
func (a *asker) part(from, to time.Time) url.Values {
	if a.life.FirstTime == nil {
		return nil
	}
	start, end := max(a.zone.StampTime(from), *a.life.FirstTime), min(a.zone.StampTime(to), *a.life.LastTime)
	if start >= end {
		return nil
	}
	return url.Values{"meter_id": {a.home.id}, "start": {start}, "end": {end}}
}

func (a *asker) used(from, to time.Time) *api.PeriodConsumption {
	of := a.part(from, to)
	if of == nil {
		return nil
	}
	return answer[api.PeriodConsumption](a.suite, "/get_consumption?period=custom&estimate=auto&"+of.Encode())
}

func (a *asker) series(from, to time.Time, interval, estimate string) []api.Interval {
	of := a.part(from, to)
	if of == nil {
		return nil
	}
	return answer[api.Intervals](a.suite, "/get_readings?page_size=25000&interval="+interval+"&estimate="+estimate+"&"+of.Encode()).Results
}

// today are the numbers of the first page.
func (a *asker) today() []string {
	now := a.clock().In(a.zone.Location())
	day := a.day(now, "day")
	yesterday := a.others(day)[0]
	numbers := a.overview(day, []span{yesterday})
	month := a.day(now, "month")
	if used := a.used(month.from, month.to); used != nil {
		numbers = append(numbers, used.Consumption.String())
	}
	if a.life.LastReading != nil {
		numbers = append(numbers, a.life.LastReading.String())
	}
	return append(numbers, a.rows(day, &yesterday)...)
}

// usage draws a page about a period, and returns its numbers.
func (a *asker) usage(t *rapid.T) (path string, numbers []string) {
	by := rapid.SampledFrom([]string{"month", "day", "week", "year"}).Draw(t, "by")
	compare := rapid.SampledFrom([]string{"before", "year", "none"}).Draw(t, "compare")
	first := time.Date(2026-rapid.IntRange(0, 1).Draw(t, "ago"), time.August, 20, 0, 0, 0, 0, a.zone.Location())
	at := first.AddDate(0, 0, (45+37*rapid.IntRange(0, 110).Draw(t, "at"))%111) // small numbers are drawn more often
	of := a.day(at, by)
	others := a.others(of)
	var drawn *span
	switch compare {
	case "before":
		drawn = &others[0]
	case "year":
		drawn = &others[len(others)-1]
	}
	numbers = append(a.overview(of, others), a.rows(of, drawn)...)
	if (by == "month" || by == "year") && a.part(of.from, of.to) != nil {
		if by == "month" {
			numbers = append(numbers, a.heatOf(of)...)
		}
		numbers = append(numbers, a.extremes(of)...)
		numbers = append(numbers, a.nights(of)...)
	}
	return "/usage?" + url.Values{"by": {by}, "at": {at.Format(time.DateOnly)}, "compare": {compare}}.Encode(), numbers
}

// overview is what was used in a period and, in the same part of each, in others.
func (a *asker) overview(of span, others []span) (numbers []string) {
	used := a.used(of.from, of.to)
	if used != nil {
		numbers = append(numbers, used.Consumption.String())
		for _, c := range used.RegisterChanges {
			numbers = append(numbers, c.OldReading.String(), c.NewReading.String())
		}
		a.words = append(a.words, fmt.Sprintf(`<p class="when">from <time datetime="%s">`, used.StartTime), fmt.Sprintf(`</time> to <time datetime="%s">`, used.EndTime), readings(used))
	}
	for _, other := range others {
		from, to := other.from, other.to
		if used != nil && (used.StartTime != a.zone.StampTime(of.from) || used.EndTime != a.zone.StampTime(of.to)) {
			from = other.from.Add(a.at(used.StartTime).Sub(of.from))
			if end := other.from.Add(a.at(used.EndTime).Sub(of.from)); end.Before(to) {
				to = end
			}
		}
		then := a.used(from, to)
		if then == nil {
			continue
		}
		numbers = append(numbers, then.Consumption.String())
		if used != nil && then.StartTime == a.zone.StampTime(from) && then.EndTime == a.zone.StampTime(to) {
			a.words = append(a.words, fmt.Sprintf("This %s: %s", of.by, more(used.Consumption, then.Consumption)))
		}
	}
	return numbers
}

// more begins to say how much more was used than then.
func more(now, then meter.Energy) string {
	d := now.Sub(then.Decimal)
	if d.IsZero() {
		return "as much."
	}
	return d.Abs().String() + " kWh "
}

// readings says how many there are of those that an answer expects.
func readings(used *api.PeriodConsumption) string {
	if used.Complete {
		return "readings are there."
	}
	be := "are"
	if used.ExpectedReadings == used.Readings+1 {
		be = "is"
	}
	return fmt.Sprintf("readings, %s %s missing.", thousands(used.ExpectedReadings-used.Readings), be)
}

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}

// rows are the numbers of the table, part by part.
func (a *asker) rows(of span, other *span) (numbers []string) {
	interval := map[string]string{"day": "30min", "week": "day", "month": "day", "year": "month"}[of.by]
	label := func(part api.Interval) string {
		if of.by == "day" {
			return part.Start[len("2006-01-02T"):] // with the offset, if the clock shows it twice
		}
		return a.zone.Time(a.slot(part.Start)).Format(map[string]string{"week": "Mon", "month": "2", "year": "Jan"}[of.by])
	}
	now, before, begins := make(map[string]api.Interval), make(map[string]api.Interval), []time.Time(nil)
	for _, part := range a.series(of.from, of.to, interval, "auto") {
		now[label(part)] = part
	}
	if other != nil {
		for _, part := range a.series(other.from, other.to, interval, "auto") {
			before[label(part)] = part
		}
	}
	for at := of.from; at.Before(of.to); {
		begins = append(begins, at)
		switch interval {
		case "30min":
			at = at.Add(30 * time.Minute)
		case "day":
			at = at.AddDate(0, 0, 1)
		default:
			at = at.AddDate(0, 1, 0)
		}
	}
	for _, at := range begins {
		name := label(api.Interval{Start: a.zone.StampTime(at)})
		n, b := now[name], before[name]
		if n.Consumption != nil {
			numbers = append(numbers, n.Consumption.String())
		}
		if b.Consumption != nil {
			numbers = append(numbers, b.Consumption.String())
		}
		if n.Consumption != nil {
			numbers = append(numbers, n.EndReading.String())
		}
	}
	return numbers
}

// heatOf are the half hours of a month, and the least and the most of them.
func (a *asker) heatOf(of span) (numbers []string) {
	var all []meter.Energy
	halves := a.series(of.from, of.to, "30min", "auto")
	const clock = len("2006-01-02T15:04")
	slices.SortStableFunc(halves, func(a, b api.Interval) int { return strings.Compare(a.Start[:clock], b.Start[:clock]) }) // when the clock is put back
	for _, half := range halves {
		if half.Consumption != nil {
			all = append(all, *half.Consumption)
			numbers = append(numbers, half.Consumption.String())
		}
	}
	return append(numbers, slices.MinFunc(all, compare).String(), slices.MaxFunc(all, compare).String())
}

func compare(a, b meter.Energy) int { return a.Cmp(b.Decimal) }

// extremes are the highest and the lowest day.
func (a *asker) extremes(of span) []string {
	var days []meter.Energy
	for _, day := range a.series(of.from, of.to, "day", "none") {
		if day.Complete && !day.Clipped {
			days = append(days, *day.Consumption)
		}
	}
	if days == nil {
		return nil
	}
	return []string{slices.MaxFunc(days, compare).String(), slices.MinFunc(days, compare).String()}
}

// nights are the typical night, the highest and the lowest, and then each of a month or the typical one of
// each month of a year.
func (a *asker) nights(of span) []string {
	var all []meter.Energy
	var list []string
	for month := of.from; month.Before(of.to); month = month.AddDate(0, 1, 0) {
		nights := a.nightsOf(month)
		all = append(all, nights...)
		switch {
		case of.by == "year" && nights != nil:
			list = append(list, median(nights).String())
		case of.by == "month":
			for _, night := range nights {
				list = append(list, night.String())
			}
		}
	}
	if all == nil {
		return nil
	}
	return append([]string{median(all).String(), slices.MaxFunc(all, compare).String(), slices.MinFunc(all, compare).String()}, list...)
}

// nightsOf are the nights of a month, from 01:00 to 05:00, of which every reading is there, but not that in
// which the clock is put back.
func (a *asker) nightsOf(month time.Time) (nights []meter.Energy) {
	sums, known := make(map[int]meter.Energy), make(map[int]int)
	for _, half := range a.series(month, month.AddDate(0, 1, 0), "30min", "none") {
		at := a.zone.Time(a.slot(half.Start))
		if at.Hour() < 1 || at.Hour() >= 5 {
			continue
		}
		if half.Consumption == nil {
			known[at.Day()] = -100
			continue
		}
		known[at.Day()]++
		sums[at.Day()] = meter.Energy{Decimal: sums[at.Day()].Add(half.Consumption.Decimal)}
	}
	for day := range 32 {
		if known[day] == 8 {
			nights = append(nights, sums[day])
		}
	}
	return nights
}

func median(nights []meter.Energy) meter.Energy {
	return slices.SortedFunc(slices.Values(nights), compare)[(len(nights)-1)/2]
}

// bills are the numbers of the list of bills.
func (a *asker) bills() (numbers []string) {
	for _, month := range slices.Backward(billMonths) {
		if bill := answer[apiBill](a.suite, billAsked+a.home.id+"&month="+month); bill != nil {
			numbers = append(numbers, known(bill.Consumption, bill.Start, bill.End)...)
			a.words = append(a.words, "/bills/"+month+`"`)
		}
	}
	return numbers
}
