package pages_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"meterledger/api"
	"meterledger/internal/meter"
)

// halfHours asks the api for the half hours of a window.
func (s *suite) halfHours(id meter.ID, from, to, estimate string) []api.Interval {
	s.t.Helper()
	var answer api.Intervals
	s.ask(http.MethodGet, "/get_readings?"+url.Values{
		"meter_id": {string(id)}, "start": {from}, "end": {to}, "interval": {"30min"}, "estimate": {estimate}, "page_size": {"25000"},
	}.Encode(), "", &answer)
	return answer.Results
}

// used asks the api what was used in a window. It is nil without two readings.
func (s *suite) used(id meter.ID, from, to string) *api.Usage {
	s.t.Helper()
	path := "/get_consumption?" + url.Values{"meter_id": {string(id)}, "period": {"custom"}, "start": {from}, "end": {to}}.Encode()
	return answer[api.Usage](s, path)
}

// part returns what stands in a page between two texts.
func (p *page) part(t testing.TB, from, to string) *page {
	t.Helper()
	_, after, isFrom := strings.Cut(p.body, from)
	part, _, isTo := strings.Cut(after, to)
	if !isFrom || !isTo {
		t.Fatalf("%s has nothing between %q and %q:\n%s", p.path, from, to, p.body)
	}
	return &page{path: p.path, body: part}
}

func (p *page) heat(t testing.TB) *page {
	t.Helper()
	return p.part(t, `<table class="heat">`, "</table>")
}

var (
	heatRow  = regexp.MustCompile(`(?s)<tr><th scope="row"><a href="([^"]*)">([^<]*)</a></th>(.*?)</tr>`)
	heatCell = regexp.MustCompile(`(?s)<td(?: class="([^"]*)")?(?: title="([^"]*)")?>(.*?)</td>`)
)

// heatCells returns the rows of a heat map by the day that they name: of each cell its class, its title and
// what it holds.
func (p *page) heatCells(t testing.TB) map[string][][]string {
	t.Helper()
	days := make(map[string][][]string)
	for _, row := range heatRow.FindAllStringSubmatch(p.heat(t).body, -1) {
		for _, cell := range heatCell.FindAllStringSubmatch(row[3], -1) {
			days[row[2]] = append(days[row[2]], cell[1:])
		}
		if len(days[row[2]]) != meter.SlotsPerDay {
			t.Errorf("%s has %d half hours", row[2], len(days[row[2]]))
		}
	}
	return days
}

func TestHeatMapHasEachHalfHourAtItsPlace(t *testing.T) {
	s := start(t)
	s.register("A")
	registers := count(3*48, 5_000, 0)
	for i := range registers {
		registers[i] = fmt.Sprintf("%d.%03d", 5+i*i/1000, i*i%1000) // always more
	}
	registers[48+29] = "" // 14:30 on the 6th
	s.record("A", "2026-10-05T00:00", registers...)

	page := s.open("/ui/meters/A/usage?by=month&at=2026-10-20", "")
	page.want(t, "Half hour by half hour", `<th scope="col"><span>23:30</span></th>`, "2 half hours estimated", "/patterns.css")
	var want []string
	for _, half := range s.halfHours("A", "2026-10-05T00:00", "2026-10-07T23:30", "auto") {
		want = append(want, half.Consumption.String())
	}
	if diff := cmp.Diff(want, page.heat(t).data(t, "kwh")); diff != "" {
		t.Errorf("half hours (-api +page):\n%s", diff)
	}
	days := page.heatCells(t)
	if len(days) != 3 {
		t.Fatalf("it has the days %v", days)
	}
	for _, c := range []struct {
		day          string
		place        int
		class, title string
	}{
		{"Mon 5", 0, "heat-0", "Mon 5 Oct 2026 00:00: 0.001 kWh"},
		{"Tue 6", 28, "heat-6 estimated", "Tue 6 Oct 2026 14:00: 0.154 kWh (estimated)"},
		{"Tue 6", 30, "heat-6", "Tue 6 Oct 2026 15:00: 0.157 kWh"},
		{"Wed 7", 46, "heat-8", "Wed 7 Oct 2026 23:00: 0.285 kWh"},
		{"Wed 7", 47, "", ""}, // after the last reading
	} {
		if got := days[c.day][c.place]; got[0] != c.class || got[1] != c.title {
			t.Errorf("%s, half hour %d: %q", c.day, c.place, got)
		}
	}
	page.want(t, `<a href="/ui/meters/A/usage?at=2026-10-06&amp;by=day">Tue 6</a>`)
}

func TestHeatMapFollowsTheClockWhenItIsChanged(t *testing.T) {
	s := startIn(t, "Europe/Berlin", false)
	s.register("A")
	s.record("A", "2026-03-28T00:00", count(3*48, 1_000, 7)...)
	s.record("A", "2026-10-24T00:00", count(3*48, 9_000, 11)...)

	spring := s.open("/ui/meters/A/usage?by=month&at=2026-03-01", "").heatCells(t)["Sun 29"]
	if spring[3][2] == "" || spring[4][2] != "" || spring[5][2] != "" || spring[6][1] != "Sun 29 Mar 2026 03:00: 0.007 kWh" {
		t.Errorf("where the clock jumps: %q", spring[3:7])
	}
	autumn := s.open("/ui/meters/A/usage?by=month&at=2026-10-01", "").heatCells(t)["Sun 25"]
	if strings.Count(autumn[4][2], "0.011</data>") != 2 || strings.Count(autumn[6][2], "0.011</data>") != 1 ||
		autumn[5][1] != "Sun 25 Oct 2026 02:30 (&#43;02:00): 0.011 kWh, Sun 25 Oct 2026 02:30 (&#43;01:00): 0.011 kWh" {
		t.Errorf("where the clock is put back: %q", autumn[4:7])
	}
}

func TestHeatMapOfAHomeThatUsesNothingIsCool(t *testing.T) {
	s := start(t)
	s.register("A")
	s.record("A", "2026-11-01T00:00", count(48, 1_000, 0)...)
	for i, cell := range s.open("/ui/meters/A/usage?by=month&at=2026-11-01", "").heatCells(t)["Sun 1"][:47] {
		if cell[0] != "heat-0" {
			t.Errorf("half hour %d is %q", i, cell)
		}
	}
}

// TestPatternsAreWhatTheAPISaysOfTheSameTimes draws days with gaps anywhere.
func TestPatternsAreWhatTheAPISaysOfTheSameTimes(t *testing.T) {
	s := start(t)
	homes := 0
	rapid.Check(t, func(t *rapid.T) {
		homes++
		id := meter.ID(fmt.Sprintf("HOME%d", homes))
		s.register(id)
		registers := count(48*rapid.IntRange(1, 8).Draw(t, "days")+1, 1_000, 0)
		wh := rapid.IntRange(0, 100_000).Draw(t, "first")
		for i := range registers {
			registers[i] = fmt.Sprintf("%d.%03d", wh/1000, wh%1000)
			wh += rapid.IntRange(0, 400).Draw(t, "used")
		}
		for range rapid.IntRange(0, 4).Draw(t, "gaps") {
			from := rapid.IntRange(1, len(registers)-2).Draw(t, "from")
			clear(registers[from:min(len(registers)-1, from+rapid.IntRange(1, 60).Draw(t, "long"))])
		}
		s.record(id, "2026-11-05T00:00", registers...)
		page := s.open("/ui/meters/"+string(id)+"/usage?by=month&at=2026-11-05", "")
		checkHeat(t, s, id, page, len(registers))
		checkExtremes(t, s, id, page)
		checkNights(t, s, id, page)
	})
}

func checkHeat(t *rapid.T, s *suite, id meter.ID, page *page, registers int) {
	var want []string
	for _, half := range s.halfHours(id, "2026-11-05", s.zone.Stamp(s.slot("2026-11-05T00:00")+meter.Slot(registers-1)), "auto") {
		want = append(want, half.Consumption.String())
	}
	if diff := cmp.Diff(want, page.heat(s.t).data(s.t, "kwh")); diff != "" {
		t.Errorf("half hours (-api +page):\n%s", diff)
	}
}

// dated is what was used on a day.
type dated struct {
	day  meter.Day
	used meter.Energy
}

func (d dated) data() string {
	return fmt.Sprintf(`<data value="%s" class="kwh">%s</data> kWh`, d.used, d.used)
}

func (d dated) link(id meter.ID) string {
	return fmt.Sprintf(`<a href="/ui/meters/%s/usage?at=%s&amp;by=day">`, id, d.day)
}

func byUse(a, b dated) int { return a.used.Cmp(b.used.Decimal) }

// card wants a card of the page to be about a day, or, of none, not to be there.
func (p *page) card(t *rapid.T, s *suite, id meter.ID, title string, want dated) {
	card := p.part(s.t, "<h3>"+title+"</h3>", "</li>")
	if !card.says(want.data(), want.link(id)) {
		t.Errorf("%s: want %s of %s in %s", title, want.used, want.day, card.body)
	}
}

func checkExtremes(t *rapid.T, s *suite, id meter.ID, page *page) {
	var answer api.Intervals
	s.ask(http.MethodGet, "/get_readings?meter_id="+string(id)+"&start=2026-11-05&end=2026-11-23&interval=day", "", &answer)
	var days []dated
	for _, day := range answer.Results {
		if day.Complete && !day.Clipped {
			date, _ := meter.ParseDay(day.Start[:len("2026-11-05")])
			days = append(days, dated{date, *day.Consumption})
		}
	}
	if len(days) == 0 {
		page.want(s.t, "There is no day yet of which every reading has arrived.")
		return
	}
	page.card(t, s, id, "Highest day", slices.MaxFunc(days, byUse))
	page.card(t, s, id, "Lowest day", slices.MinFunc(days, byUse))
}

func checkNights(t *rapid.T, s *suite, id meter.ID, page *page) {
	var nights []dated
	var want []string
	for day := (meter.Day{Year: 2026, Month: 11, Day: 5}); day.Day < 23; day = day.AddDays(1) {
		if used := s.used(id, day.String()+"T01:00", day.String()+"T05:00"); used != nil && used.Complete {
			nights = append(nights, dated{day, used.Consumption})
			want = append(want, used.Consumption.String())
		}
	}
	if len(nights) == 0 {
		page.want(s.t, "There is no night yet")
		return
	}
	if diff := cmp.Diff(want, page.part(s.t, "<summary>All nights</summary>", "</table>").data(s.t, "kwh")); diff != "" {
		t.Errorf("nights (-api +page):\n%s", diff)
	}
	page.card(t, s, id, "Highest night", slices.MaxFunc(nights, byUse))
	page.card(t, s, id, "Lowest night", slices.MinFunc(nights, byUse))
	slices.SortStableFunc(nights, byUse)
	page.card(t, s, id, "Typical night", nights[(len(nights)-1)/2])
}

func TestAHouseholdSeesPatternsOfItsOwnTime(t *testing.T) {
	s := startGuarded(t)
	s.register("A")
	registers := make([]string, 0, 10*48+1)
	for day := range 10 { // each uses more than the one before
		registers = append(registers, count(48, 100_000*day, 10*(day+1))...)
	}
	s.record("A", "2026-11-05T00:00", registers...)
	var issued struct {
		Token string `json:"token"`
	}
	s.ask(http.MethodPost, "/credentials", `{"role":"household","meters":["A"],"from":"2026-11-08T12:00"}`, &issued)

	path := "/ui/meters/A/usage?by=month&at=2026-11-01"
	page := s.open(path, issued.Token)
	days := page.heatCells(t)
	if days["Sat 7"] != nil || days["Sun 8"][23][1] != "" || days["Sun 8"][24][1] != "Sun 8 Nov 2026 12:00: 0.04 kWh" {
		t.Errorf("days of before: %q", days)
	}
	page.part(t, "<h3>Lowest day</h3>", "</li>").want(t, "Mon 9 Nov 2026</a>")
	page.part(t, "<h3>Lowest night</h3>", "</li>").want(t, "Mon 9 Nov 2026</a>")
	year := s.open("/ui/meters/A/usage?by=year&at=2026-01-01", issued.Token)
	series := s.request(http.MethodGet, html.UnescapeString(year.part(t, `data-series="`, `"`).body), issued.Token, nil)
	if got := s.do(series); got.status != http.StatusOK || !got.says(`"count":311,`, `"results":[{"interval_start":"2026-11-08T12:00:00"`) {
		t.Errorf("the half hours of the year: %d %.300s", got.status, got.body)
	}
	s.open(path, s.operator).part(t, "<h3>Lowest night</h3>", "</li>").want(t, "Thu 5 Nov 2026</a>")
}

func TestNightsOfAYearAreTheTypicalOnesOfItsMonths(t *testing.T) {
	s := startIn(t, "Europe/Berlin", false)
	s.register("A")
	s.record("A", "2026-03-27T00:00", count(8*48+1, 1_000, 10)...) // the clock jumps in the night of the 29th
	autumn := count(3*48, 6_000, 10)                               // it is put back in the night of the 25th, of whose ten half hours eight are known
	autumn[48+5] = ""
	s.record("A", "2026-10-24T00:00", autumn...)
	s.record("A", "2026-10-30T00:00", count(2*48+1, 10_000, 250)...)

	page := s.open("/ui/meters/A/usage?by=year&at=2026-01-01", "")
	page.want(t, "Of 11 whole nights", "<b>500 W</b>")
	months := page.part(t, "<summary>All months</summary>", "</table>")
	months.want(t, ">March 2026</a></th><td>4 whole nights</td>", ">Sat 28 Mar 2026</a>", ">20</td>",
		">April 2026</a></th><td>3 whole nights</td>", ">October 2026</a></th><td>4 whole nights</td>", ">Mon 26 Oct 2026</a>")
	if got := strings.Join(months.data(t, "kwh"), " "); got != "0.08 0.08 0.08" {
		t.Errorf("the typical nights of the months used %s", got)
	}
}
