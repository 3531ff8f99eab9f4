package rest_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"meterledger/api"
	"meterledger/internal/meter"
	"meterledger/internal/tools/households"
)

// homes are two apis with the same readings of real homes, shifted to August,
// September and October 2026: one has all of them in memory, the other has archived
// some months, and one of those has late readings.
type homes struct {
	live, archived *script
	ids            []string
	span           meter.Window // of the readings, and some more on both sides
}

// lateHome's readings of a September day come after that month was closed.
const lateHome = "MAC000049"

func loadHomes(t *testing.T, zone string) *homes {
	t.Helper()
	source, err := households.Load()
	if err != nil {
		t.Fatal(err)
	}
	h := &homes{live: newScriptIn(t, "live", vfs.NewMem(), zone), archived: newScriptIn(t, "archived", vfs.NewMem(), zone)}
	first := h.live.zone.DayStart(meter.Day{Year: 2026, Month: 8, Day: 1})
	h.span = meter.Window{From: first - 100, To: first + 92*meter.SlotsPerDay + 100}
	var onTime, late []meter.Reading
	for i, home := range source {
		h.ids = append(h.ids, home.ID)
		for _, s := range []*script{h.live, h.archived} {
			if err := s.node.Register(t.Context(), meter.ID(home.ID), "Owner", "Road"); err != nil {
				t.Fatal(err)
			}
		}
		readings := households.Shift(meter.ID(home.ID), home.Registers(decimal.NewFromInt(1000)), first, h.span.To).Readings
		for _, r := range readings {
			if day := h.live.zone.DayOf(r.Slot); home.ID == lateHome && day == (meter.Day{Year: 2026, Month: 9, Day: 14}) {
				late = append(late, r)
			} else if !isLost(i, r.Slot-first) {
				onTime = append(onTime, r)
			}
		}
	}
	h.record(t, onTime)
	for _, month := range []string{"2026-08", "2026-09"} {
		h.archived.run("POST /maintenance/start?maintenance_type=monthly&month=" + month + "\n=> 200")
	}
	h.record(t, late)
	for _, s := range []*script{h.live, h.archived} { // to check thousands of answers against the document takes too long
		s.client.Transport = s.server.Client().Transport
	}
	return h
}

// isLost reports whether a reading of a home never comes: the third home has a gap of 2 hours a day,
// the fourth one over a month's end and one over a change of the clock in London, the fifth long ones.
func isLost(home int, since meter.Slot) bool {
	day, half := since/meter.SlotsPerDay, since%meter.SlotsPerDay
	switch home {
	case 2:
		return half >= 17 && half < 20
	case 3:
		return day == 30 && half >= 30 || day == 31 && half < 20 || day == 84 && half >= 40 || day == 85 && half < 9
	case 4:
		return day >= 40 && day < 50 || day >= 60 && half == 7
	default:
		return false
	}
}

func (h *homes) record(t *testing.T, readings []meter.Reading) {
	t.Helper()
	for _, s := range []*script{h.live, h.archived} {
		recordMany(t, s.node, readings)
	}
}

// asked is a series of a home that is drawn at random.
type asked struct {
	id       string
	from, to string
	interval string
	estimate string
}

func (h *homes) draw(rt *rapid.T) asked {
	zone := h.live.zone
	from := h.span.From + meter.Slot(rapid.Uint32Range(0, uint32(h.span.Points()-2)).Draw(rt, "from"))
	length := rapid.OneOf(rapid.Uint32Range(1, 100), rapid.Uint32Range(1, 3000)).Draw(rt, "length")
	return asked{
		id:   rapid.SampledFrom(h.ids).Draw(rt, "home"),
		from: zone.Stamp(from), to: zone.Stamp(min(from+meter.Slot(length), h.span.To)),
		interval: rapid.SampledFrom([]string{"30min", "hour", "day", "week", "month"}).Draw(rt, "interval"),
		estimate: rapid.SampledFrom([]string{"none", "linear", "auto"}).Draw(rt, "estimate"),
	}
}

func (a asked) window() string {
	return url.Values{"meter_id": {a.id}, "start": {a.from}, "end": {a.to}}.Encode()
}

func (a asked) path(more string) string {
	return "/get_readings?" + a.window() + "&interval=" + a.interval + "&estimate=" + a.estimate + more
}

// series asks for all of it on one page.
func (a asked) series(rt *rapid.T, s *script, order string) api.Intervals {
	var series api.Intervals
	if problem := s.get(rt, a.path("&page_size=25000&order="+order), &series); problem.Code != "" {
		rt.Fatalf("%+v", problem)
	}
	return series
}

// TestSeriesOfRealHomes has a zone with a clock change among the months of the
// readings, and one without.
func TestSeriesOfRealHomes(t *testing.T) {
	for _, zone := range []string{"Europe/London", "Asia/Singapore"} {
		h := loadHomes(t, zone)
		for _, property := range []struct {
			name  string
			holds func(*rapid.T, *homes)
		}{
			{"buckets add up to the window", bucketsAddUp},
			{"windows with estimates are their buckets", windowsAreTheirBuckets},
			{"ascending reversed is descending", reversedIsDescending},
			{"pages joined are the whole", pagesJoinedAreTheWhole},
			{"written by hand is written as encoding/json does", writtenAsUsual},
			{"CSV parsed back is the JSON", csvIsTheJSON},
			{"archived or not makes no difference", archivedIsAsLive},
			{"gaps are what is not complete", gapsAreWhatIsMissing},
		} {
			t.Run(zone+" "+property.name, func(t *testing.T) {
				rapid.Check(t, func(rt *rapid.T) { property.holds(rt, h) })
			})
		}
	}
}

// exactly compares registers digit by digit.
var exactly = cmp.Comparer(func(a, b meter.Register) bool { return a == b })

func bucketsAddUp(rt *rapid.T, h *homes) {
	a := h.draw(rt)
	series := a.series(rt, h.archived, "asc")
	sum, known, complete := decimal.Zero, true, true
	for i, interval := range series.Results {
		if i > 0 && interval.Start != series.Results[i-1].End {
			rt.Fatalf("interval %d begins at %s, the one before ends at %s", i, interval.Start, series.Results[i-1].End)
		}
		complete = complete && interval.Complete
		if interval.Consumption == nil {
			known = false
			continue
		}
		sum = sum.Add(interval.Consumption.Decimal)
	}
	first, last := series.Results[0], series.Results[len(series.Results)-1]
	if first.Start != a.from || last.End != a.to {
		rt.Fatalf("the series runs from %s to %s, want %s to %s", first.Start, last.End, a.from, a.to)
	}
	if known && !last.EndReading.Total().Sub(first.StartReading.Total()).Equal(sum) {
		rt.Fatalf("the buckets add up to %s, from %v to %v", sum, first.StartReading, last.EndReading)
	}
	var used api.Usage
	problem := h.archived.get(rt, "/get_consumption?period=custom&"+a.window(), &used)
	if complete && (problem.Code != "" || !used.Complete || !used.Consumption.Equal(sum)) {
		rt.Fatalf("the buckets are complete and add up to %s, the window is %+v (%+v)", sum, used, problem)
	}
	if !complete && problem.Code == "" && used.Complete {
		rt.Fatalf("the window is complete, not all buckets are")
	}
}

// windowsAreTheirBuckets wants a window to use what its buckets of any interval add up to, and
// its quality to be that of the worse of its ends.
func windowsAreTheirBuckets(rt *rapid.T, h *homes) {
	a := h.draw(rt)
	a.estimate = rapid.SampledFrom([]string{"linear", "auto"}).Draw(rt, "mode")
	series := a.series(rt, h.archived, "asc")
	sum, before := decimal.Zero, series.Results[0].StartReading
	for _, interval := range series.Results {
		if interval.Consumption == nil {
			return
		}
		if interval.Consumption.IsNegative() || interval.StartReading.Cmp(*before) != 0 || (interval.Estimated != (*interval.Quality != "ACTUAL")) {
			rt.Fatalf("after %v comes %+v", before, interval)
		}
		sum, before = sum.Add(interval.Consumption.Decimal), interval.EndReading
	}
	var used api.PeriodConsumption
	if problem := h.archived.get(rt, "/get_consumption?period=custom&estimate="+a.estimate+"&"+a.window(), &used); problem.Code != "" {
		rt.Fatalf("%+v", problem)
	}
	first, last := series.Results[0], series.Results[len(series.Results)-1]
	if used.StartTime != a.from || used.EndTime != a.to || !used.Consumption.Equal(sum) || used.StartReading != *first.StartReading || used.EndReading != *last.EndReading {
		rt.Fatalf("the buckets add up to %v, the window is %+v", sum, used)
	}
	if a.estimate == "linear" && *used.Quality == "ESTIMATE" || len(series.Results) == 1 && *used.Quality != *first.Quality {
		rt.Fatalf("the quality of %+v is %s", first, *used.Quality)
	}
}

func reversedIsDescending(rt *rapid.T, h *homes) {
	a := h.draw(rt)
	ascending, descending := a.series(rt, h.archived, "asc"), a.series(rt, h.archived, "desc")
	slices.Reverse(descending.Results)
	if diff := cmp.Diff(ascending, descending, exactly); diff != "" {
		rt.Fatalf("ascending (-) and descending reversed (+) differ:\n%s", diff)
	}
}

func pagesJoinedAreTheWhole(rt *rapid.T, h *homes) {
	a := h.draw(rt)
	order := rapid.SampledFrom([]string{"asc", "desc"}).Draw(rt, "order")
	whole := a.series(rt, h.archived, order)
	size := rapid.IntRange(max(1, len(whole.Results)/8), len(whole.Results)+1).Draw(rt, "size")
	var joined []api.Interval
	path := a.path(fmt.Sprintf("&order=%s&page_size=%d", order, size))
	for pages := 0; path != ""; pages++ {
		var page api.Intervals
		link := h.archived.page(rt, path, &page)
		if len(page.Results) > size || page.Count != len(page.Results) || (page.Next == nil) != (link == "") || pages > len(whole.Results) {
			rt.Fatalf("page %d has %d intervals and says %d, next %v, link %q", pages, len(page.Results), page.Count, page.Next, link)
		}
		joined = append(joined, page.Results...)
		path = link
		if rapid.Bool().Draw(rt, "by cursor") && page.Next != nil { // a cursor knows the rest
			path = "/get_readings?meter_id=" + a.id + "&page_size=" + strconv.Itoa(size) + "&cursor=" + *page.Next
		}
	}
	if diff := cmp.Diff(whole.Results, joined, exactly); diff != "" {
		rt.Fatalf("the whole (-) and the pages joined (+) differ:\n%s", diff)
	}
}

// page asks for a page and returns the address of the next.
func (s *script) page(t fataler, path string, into *api.Intervals) (next string) {
	t.Helper()
	answer, err := s.client.Get(s.server.URL + path)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	defer answer.Body.Close()
	decode(t, answer, into)
	link := answer.Header.Get("Link")
	if link == "" {
		return ""
	}
	var address string
	if _, err := fmt.Sscanf(link, `<%s rel="next"`, &address); err != nil || len(address) < 2 {
		t.Fatalf("the link is %s: %v", link, err)
	}
	return address[:len(address)-2] // without >;
}

func writtenAsUsual(rt *rapid.T, h *homes) {
	got := h.archived.body(rt, h.draw(rt).path("&page_size=5000"))
	var series api.Intervals
	_, body, _ := strings.Cut(got, "\n")
	if err := json.Unmarshal([]byte(body), &series); err != nil {
		rt.Fatal(err)
	}
	want, err := json.Marshal(series)
	if err != nil {
		rt.Fatal(err)
	}
	if diff := cmp.Diff("200 OK\n"+string(want)+"\n", got); diff != "" {
		rt.Fatalf("encoding/json (-) and the answer (+) differ:\n%s", diff)
	}
}

func csvIsTheJSON(rt *rapid.T, h *homes) {
	a := h.draw(rt)
	a.interval, a.estimate = "30min", "none"
	want := map[string]string{}
	for _, interval := range a.series(rt, h.archived, "asc").Results {
		if interval.StartReading != nil {
			want[interval.Start] = interval.StartReading.String()
		}
		if interval.EndReading != nil {
			want[interval.End] = interval.EndReading.String()
		}
	}
	answer, err := h.archived.client.Get(h.archived.server.URL + "/get_readings?format=csv&" + a.window())
	if err != nil {
		rt.Fatal(err)
	}
	defer answer.Body.Close()
	rows, err := csv.NewReader(answer.Body).ReadAll()
	if err != nil || answer.StatusCode != http.StatusOK || !slices.Equal(rows[0], []string{"meter_id", "timestamp", "reading"}) {
		rt.Fatalf("%s, %v: %v", answer.Status, err, rows)
	}
	got := map[string]string{}
	for _, row := range rows[1:] {
		if row[0] != a.id {
			rt.Fatalf("a row of %s among those of %s", row[0], a.id)
		}
		got[row[1]] = row[2]
	}
	if diff := cmp.Diff(want, got); diff != "" || len(got) != len(rows)-1 {
		rt.Fatalf("JSON (-) and CSV (+) differ:\n%s", diff)
	}
}

func archivedIsAsLive(rt *rapid.T, h *homes) {
	a := h.draw(rt)
	more := "&order=" + rapid.SampledFrom([]string{"asc", "desc"}).Draw(rt, "order") +
		"&page_size=" + strconv.Itoa(rapid.IntRange(1, 5000).Draw(rt, "size"))
	for _, path := range []string{
		a.path(more),
		"/get_readings?format=csv&" + a.window(),
		"/get_consumption?period=custom&compare=previous&estimate=" + a.estimate + "&" + a.window(),
		"/get_consumption?period=last_month&meter_id=" + a.id,
	} {
		live, archived := h.live.body(rt, path), h.archived.body(rt, path)
		if diff := cmp.Diff(live, archived); diff != "" {
			rt.Fatalf("%s in memory (-) and archived (+) differ:\n%s", path, diff)
		}
	}
}

// body returns an answer as it is, and its status.
func (s *script) body(t fataler, path string) string {
	t.Helper()
	answer, err := s.client.Get(s.server.URL + path)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return answer.Status + "\n" + string(content)
}

func gapsAreWhatIsMissing(rt *rapid.T, h *homes) {
	id := rapid.SampledFrom(h.ids).Draw(rt, "home")
	month := meter.Month{Year: 2026, Month: time.Month(rapid.IntRange(7, 12).Draw(rt, "month"))}
	window := h.archived.zone.MonthWindow(month)
	var gaps struct {
		Missing  int
		Complete bool
		Gaps     []struct {
			First, Last string
			Count       int
		}
	}
	if problem := h.archived.get(rt, "/meters/"+id+"/gaps?month="+month.String(), &gaps); problem.Code != "" {
		rt.Fatalf("%+v", problem)
	}
	missing := 0
	for _, gap := range gaps.Gaps {
		missing += gap.Count
		if used := h.archived.body(rt, "/get_readings?format=csv&"+asked{id: id, from: gap.First, to: h.after(rt, gap.Last)}.window()); strings.Count(used, "\n") > 3 {
			rt.Fatalf("the gap %v has readings:\n%s", gap, used)
		}
	}
	var used api.Usage
	a := asked{id: id, from: h.archived.zone.Stamp(window.From), to: h.archived.zone.Stamp(window.To)}
	problem := h.archived.get(rt, "/get_consumption?period=custom&"+a.window(), &used)
	if missing != gaps.Missing || problem.Code == "" && (used.Complete != gaps.Complete || used.ExpectedReadings-used.Readings != missing) {
		rt.Fatalf("%d are missing by the gaps of %+v, the consumption is %+v", missing, gaps, used)
	}
}

// after returns the half hour after a stamp.
func (h *homes) after(rt *rapid.T, stamp string) string {
	slot, err := h.archived.zone.ParseSlot("timestamp", stamp)
	if err != nil {
		rt.Fatal(err)
	}
	return h.archived.zone.Stamp(slot + 1)
}

func TestExportsOfRealHomesAreTheirArchives(t *testing.T) {
	h := loadHomes(t, "Europe/London")
	for _, period := range []string{
		"month=2026-08", "month=2026-09", "month=2026-10", "month=2026-11", "date=2026-08-01", "date=2026-09-14", "date=2026-10-25", "date=2026-11-01",
	} {
		live, archived := h.live.body(t, "/export_readings?"+period), h.archived.body(t, "/export_readings?"+period)
		if live != archived {
			t.Errorf("%s: %d bytes in memory, %d archived", period, len(live), len(archived))
		}
		if rows := strings.Count(live, "\n"); rows < 12*40 && period != "month=2026-11" && period != "date=2026-11-01" {
			t.Errorf("%s: only %d rows", period, rows)
		}
	}
	file, err := h.archived.fs.Open("Archive/monthly_2026-08.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	content, err := io.ReadAll(file)
	if err != nil || h.live.body(t, "/export_readings?month=2026-08") != "200 OK\n"+string(content) {
		t.Errorf("the export of August is not its archive: %v", err)
	}
}
