package pages_test

import (
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"meterledger/api"
	"meterledger/internal/meter"
)

// rowLinks are the links with which rows of a table begin.
var rowLinks = regexp.MustCompile(`<th scope="row"><a href="([^"]*)">([^<]*)</a></th>`)

// meters returns the meters that a page lists, in order.
func (p *page) meters() (ids []string) {
	for _, match := range rowLinks.FindAllStringSubmatch(p.body, -1) {
		ids = append(ids, match[2])
	}
	return ids
}

var nextLink = regexp.MustCompile(`rel="next" href="([^"]*)">Next page`)

func TestMetersAreFoundByTheBeginningOfTheirIdsAndBySilence(t *testing.T) {
	s := start(t)
	s.register("N1", "n", "NEW", "N")
	s.record("NEW", "2026-11-23T09:00", "1.25", "1.5")
	s.record("n", "2026-11-01T00:00", "7")
	for query, want := range map[string][]string{
		"":                                 {"N1", "n", "NEW", "N"},
		"?begins_with=&stale_for=":         {"N1", "n", "NEW", "N"},
		"?begins_with=%20NE%20":            {"NEW"},
		"?begins_with=N":                   {"N", "N1", "NEW"},
		"?begins_with=NE&stale_for=":       {"NEW"},
		"?begins_with=&stale_for=24h":      {"N1", "n", "N"},
		"?begins_with=N&stale_for=90m":     {"N", "N1"},
		"?begins_with=nobody":              nil,
		"?cursor=AAAAAg&begins_with=":      {"NEW", "N"},
		"?stale_for=30d&begins_with=&":     {"N1", "N"},
		"?stale_for=10000d&begins_with=NE": nil,
	} {
		for _, path := range []string{"/ui/operator/meters", "/ui/operator/gaps"} {
			p := s.open(path+query, "")
			if got := p.meters(); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) || path == "/ui/operator/meters" && !slices.Equal(got, want) {
				t.Errorf("%s lists %v, want %v", p.path, got, want)
			}
			if len(want) == 0 {
				p.want(t, "No meter is like that.")
			}
		}
	}
	p := s.open("/ui/operator/meters?stale_for=90m", "")
	p.want(t, `<option value="90m" selected>`, "22 days ago", "<td>never</td>")
	p = s.open("/ui/operator/meters", "")
	p.want(t, "40 minutes ago", `<time datetime="2026-11-23T09:30:00">Mon 23 Nov 2026 09:30</time>`)
	if got := p.data(t, "kwh"); !slices.Equal(got, []string{"7", "1.5"}) {
		t.Errorf("registers are %v", got)
	}
	start(t).open("/ui/operator/gaps", "").want(t, "No meter is registered yet.")
}

func TestPagesOfMetersLeadToEachMeterOnce(t *testing.T) {
	s := start(t)
	var all []string
	for i := range 120 {
		all = append(all, fmt.Sprint("m", i))
		s.register(meter.ID(all[i]))
	}
	for _, path := range []string{"/ui/operator/meters", "/ui/operator/gaps"} {
		var got []string
		for next := path + "?begins_with=m&stale_for=1h"; next != ""; {
			p := s.open(next, "")
			got, next = append(got, p.meters()...), ""
			if link := nextLink.FindStringSubmatch(p.body); link != nil {
				next = strings.ReplaceAll(link[1], "&amp;", "&")
			}
			if len(got) > 50 {
				p.want(t, "?begins_with=m&amp;", ">First page</a>")
			}
		}
		if !slices.Equal(got, all) { // all lack as much, so that gaps keep the order too
			t.Errorf("%s lists %d: %v", path, len(got), got)
		}
	}
}

func TestPagesOfMetersRefuseWhatTheApiRefuses(t *testing.T) {
	s := start(t)
	s.register("A")
	for path, want := range map[string]string{
		"/ui/operator/meters?begins_with=A%25":            "begins_with must be the beginning of an id",
		"/ui/operator/meters?begins_with=%3Cscript%3E":    "begins_with must be",
		"/ui/operator/meters?stale_for=24":                "stale_for must be a whole number",
		"/ui/operator/meters?cursor=A":                    "Cursor is not one that this api gave",
		"/ui/operator/meters?beginning=A":                 "Beginning is not a parameter here",
		"/ui/operator/meters?begins_with=A;stale_for=1h":  "The query is not percent-encoded",
		"/ui/operator/meters?begins_with=A&begins_with=B": "begins_with is given more than once",
		"/ui/operator/meters?page_size=5000":              "page_size is given more than once",
		"/ui/operator/gaps?month=2026-13":                 "Month must be a month such as",
		"/ui/operator/meters?month=2026-11":               "Month is not a parameter here",
		"/ui/operator/gaps?month=2026-11&month=2026-10":   "Month is not a parameter here",
		"/ui/operator/gaps?month=1999-12":                 "Month must not be before the year 2000",
		"/ui/operator/gaps?begins_with=-":                 "begins_with must be",
		"/ui/operator/meters/A?month=2026-13":             "Month must be a month such as",
		"/ui/operator/meters/A?month=1999-12":             "Month must not be before the year 2000",
		"/ui/operator/meters/A?day=1999-12-31":            "Day must not be before the year 2000",
		"/ui/operator/meters/A?day=2026-11-31":            "Day must be a day such as",
		"/ui/operator/meters/A?corrections=A":             "Cursor is not one that this api gave",
		"/ui/operator/meters/A?numbers=string":            "Numbers is not a parameter here",
		"/ui/operator/meters/-A":                          "meter_id must be",
	} {
		if p := s.get(path, ""); p.status != http.StatusBadRequest || !strings.Contains(p.body, want) {
			t.Errorf("%s: %d, want %q:\n%s", path, p.status, want, p.body)
		}
	}
	if p := s.get("/ui/operator/meters/nobody", ""); p.status != http.StatusNotFound || !p.says("Meter nobody is not registered") {
		t.Errorf("a stranger's meter: %d %s", p.status, p.body)
	}
}

var gapsRow = regexp.MustCompile(`(?s)<th scope="row"><a href="[^"]*">([^<]*)</a></th><td class="num"><data value="(\d+)" class="missing">\d+</data></td>(.*?)</tr>`)

var gapsCell = regexp.MustCompile(`<td class="(heat-\d|yet)" title="[^"]*">(\d+|–)</td>`)

// Whatever clock a zone has, what a page says of days adds up to what the api says of the month.
func TestGapsByDayAddUpToThoseOfTheApi(t *testing.T) {
	zones, drawn := make(map[string]*suite), 0
	for _, name := range []string{"Asia/Singapore", "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago"} {
		zones[name] = startIn(t, name, false)
	}
	rapid.Check(t, func(rt *rapid.T) {
		drawn++
		s := zones[rapid.SampledFrom(slices.Sorted(maps.Keys(zones))).Draw(rt, "zone")]
		month := rapid.SampledFrom([]string{"2026-03", "2026-04", "2026-09", "2026-10", "2026-11", "2026-12"}).Draw(rt, "month")
		of := fmt.Sprintf("M%d-", drawn)
		ids := []meter.ID{meter.ID(of + "A"), meter.ID(of + "B"), meter.ID(of + "C")}
		s.register(ids...)
		for _, id := range ids[:2] {
			registers := count(40*meter.SlotsPerDay, 1000, 7)
			for range rapid.IntRange(0, 12).Draw(rt, "gaps") {
				from := rapid.IntRange(0, len(registers)-1).Draw(rt, "from")
				clear(registers[from:min(len(registers), from+rapid.IntRange(1, 100).Draw(rt, "length"))])
			}
			from := rapid.SampledFrom([]string{"2026-02-20T00:00", "2026-04-01T12:00", "2026-09-03T00:00", "2026-10-03T00:00"}).Draw(rt, "first")
			s.record(id, from, registers...)
		}
		p := s.open("/ui/operator/gaps?begins_with="+of+"&month="+month, "")
		rows := gapsRow.FindAllStringSubmatch(p.body, -1)
		if len(rows) != 3 {
			rt.Fatalf("%d rows:\n%s", len(rows), p.body)
		}
		worst := -1
		for _, row := range rows {
			var want api.Gaps
			s.ask(http.MethodGet, "/meters/"+row[1]+"/gaps?month="+month, "", &want)
			sum, cells := 0, gapsCell.FindAllStringSubmatch(row[3], -1)
			for _, cell := range cells {
				n, _ := strconv.Atoi(cell[2]) // 0 for –
				if sum += n; (n == 0) != (cell[1] == "heat-0" || cell[1] == "yet") || (cell[2] == "–") != (cell[1] == "yet") {
					rt.Errorf("%s looks like %s", cell[2], cell[1])
				}
			}
			if row[2] != strconv.Itoa(want.Missing) || sum != want.Missing || strings.Count(p.body, `class="day"`) != len(cells) {
				rt.Errorf("%s of %s lacks %s, by day %d in %d columns; the api says %d", row[1], month, row[2], sum, len(cells), want.Missing)
			}
			if worst >= 0 && want.Missing > worst {
				rt.Errorf("%s lacks more than the meter before it", row[1])
			}
			if worst = want.Missing; row[1] == string(ids[0]) {
				s.wantSameGaps(rt, row[1], month, want)
			}
		}
	})
}

var calendarDay = regexp.MustCompile(`<small>\d+</small> (\d+|–)</span>`)

// wantSameGaps wants the page of a meter to tell of the gaps that the api does.
func (s *suite) wantSameGaps(t *rapid.T, id, month string, want api.Gaps) {
	s.t.Helper()
	p := s.open("/ui/operator/meters/"+id+"?month="+month, "")
	sum := 0
	for _, day := range calendarDay.FindAllStringSubmatch(p.body, -1) {
		n, _ := strconv.Atoi(day[1])
		sum += n
	}
	if p.says("which closes the month, is missing too") {
		sum++
	}
	if got := p.data(s.t, "missing"); sum != want.Missing || want.ExpectedReadings > 0 && !slices.Equal(got, []string{strconv.Itoa(want.Missing)}) {
		t.Errorf("%s in %s: missing are %v, by day %d; the api says %d", id, month, got, sum, want.Missing)
	}
	plain := page{body: html.UnescapeString(p.body)} // an offset has a plus
	for _, gap := range want.Gaps {
		if !plain.says(`<time datetime="`+gap.First+`">`, `<time datetime="`+gap.Last+`">`, fmt.Sprintf(`<td class="num">%d</td>`, gap.Count)) {
			t.Errorf("%s in %s does not tell of %+v", id, month, gap)
		}
	}
}

func TestAMetersPageTellsItsLife(t *testing.T) {
	s := startGuarded(t)
	s.register("A", "B")
	s.ask(http.MethodPatch, "/meters/A?"+url.Values{"owner_name": {`<b>Tan "Ah" Kow</b>`}, "address": {"1 Road & Sons"}, "rolls_over_at": {"100000"}}.Encode(), "", nil)
	s.record("A", "2026-11-22T23:00", "10", "10.5", "11.25", "", "12.125", "99")
	var refused api.Problem
	r := s.request(http.MethodPost, "/receive_meter_reading?meter_id=A&timestamp=2026-11-23T00:30:00&reading=1", s.operator, nil)
	if got := s.do(r); got.status != http.StatusBadRequest {
		t.Fatalf("%d %+v", got.status, refused)
	}
	s.ask(http.MethodPost, "/meters/A/corrections", `{"reason":"<i>a spark</i>","corrections":[{"timestamp":"2026-11-23T01:30:00","reading":"12.5","expect":"99"},{"timestamp":"2026-11-23T01:00:00","reading":null,"expect":"12.125"}]}`, nil)
	s.ask(http.MethodPost, "/meters/A/exchange?at=2026-11-23T03:10:00&old_reading=13.75&new_reading=0.5&new_serial=S%3C2", "", nil)

	p := s.open("/ui/operator/meters/A", s.operator)
	p.want(t,
		"<bdi>&lt;b&gt;Tan &#34;Ah&#34; Kow&lt;/b&gt;</bdi>", "<bdi>1 Road &amp; Sons</bdi>", "60 kW", `<data value="100000" class="kwh">100000</data> kWh`,
		"not known until", "<bdi>S&lt;2</bdi> from", `<a class="button" href="/ui/meters/A">`,
		"<td>exchange</td>", `<data value="13.75" class="kwh">`, `<data value="0.5" class="kwh">`, "by <bdi>a test</bdi>",
		"<td>Readings refused</td>", "1 kWh", "/ui/operator/actions/retake?",
		"<bdi>&lt;i&gt;a spark&lt;/i&gt;</bdi>", `<data value="99" class="kwh">`, "withdrawn",
		`<h2 id="day">Mon 23 Nov 2026</h2>`, `timestamp=2026-11-23T01%3A30%3A00">Correct</a>`, "corrected",
		`<th scope="row"><time datetime="2026-11-23T00:30:00">00:30</time></th><td class="num"><span title="not known">–</span></td><td>missing</td>`,
	)
	if strings.Contains(p.body, `timestamp=2026-11-23T01%3A00%3A00"`) {
		t.Error("a reading that was withdrawn can be corrected")
	}
	p = s.open("/ui/operator/meters/A?month=2026-11&day=2026-11-22", s.operator)
	p.want(t, `<time datetime="2026-11-22T23:30:00">23:30</time></th><td class="num"><data value="10.5" class="kwh">`)
	if p.says(`<time datetime="2026-11-23T00:00:00">00:00</time>`) {
		t.Error("a day has the first reading of the next")
	}

	p = s.open("/ui/operator/meters/A", s.issue(meter.RoleAuditor))
	if p.want(t, "<td>Readings refused</td>", "corrected"); p.says("/ui/operator/actions/") {
		t.Errorf("an auditor sees buttons:\n%s", p.body)
	}
	s.open("/ui/operator/meters/B", s.operator).want(t, "It has never reported.", "Choose a day above.", "There were none.", "None was found.")
	s.open("/ui/operator/meters/B?month=2026-12", s.operator).want(t, "The month is yet to come.")
	s.open("/ui/operator/meters/B?day=2026-12-24", s.operator).want(t, "The day is yet to come.")
	for _, path := range []string{"/ui/operator/meters", "/ui/operator/meters/A", "/ui/operator/gaps"} {
		if got := s.get(path, s.issue(meter.RoleHousehold, "A")); got.status != http.StatusForbidden {
			t.Errorf("%s of a household: %d", path, got.status)
		}
	}
}

// The readings of a day are those that the api has, wherever they are.
func TestReadingsOfADayAreThoseOfTheApi(t *testing.T) {
	s := start(t)
	s.register("A")
	registers := count(60*meter.SlotsPerDay, 1000, 7)
	clear(registers[100:150])
	s.record("A", "2026-09-15T00:00", registers...)
	s.ask(http.MethodPost, "/maintenance/start?maintenance_type=monthly", "", nil)
	for _, day := range []string{"2026-09-17", "2026-10-01", "2026-10-31", "2026-11-01"} {
		p := s.open("/ui/operator/meters/A?day="+day, "")
		section := p.body[strings.Index(p.body, `<h2 id="day">`):]
		got := regexp.MustCompile(`<time datetime="([^"]*)">[^<]*</time></th><td class="num"><data value="([^"]*)"`).FindAllStringSubmatch(section, -1)
		var want []string
		r := s.request(http.MethodGet, "/export_readings?date="+day, "", nil)
		r.Header.Set("Accept", "text/csv")
		for line := range strings.Lines(s.do(r).body) {
			if rest, ok := strings.CutPrefix(line, "A,"); ok {
				want = append(want, strings.TrimSpace(rest))
			}
		}
		var shown []string
		for _, row := range got {
			shown = append(shown, row[1]+","+row[2])
		}
		if len(want) == 0 || !slices.Equal(shown, want) {
			t.Errorf("%s: shown %v, want %v", day, shown, want)
		}
		if missing := strings.Count(section, "<td>missing</td>"); missing != 48-len(want) {
			t.Errorf("%s: %d are missing, of %d", day, missing, len(want))
		}
	}
}

func TestCorrectionsOfAMeterAreTurnedOver(t *testing.T) {
	s := start(t)
	s.register("A")
	registers := count(70, 1000, 7)
	s.record("A", "2026-11-20T00:00", registers...)
	var all []string
	for i, register := range registers {
		all = append(all, fmt.Sprintf(`{"timestamp":"%s","reading":null,"expect":%s}`, s.zone.Stamp(s.slot("2026-11-20T00:00")+meter.Slot(i)), register))
	}
	s.ask(http.MethodPost, "/meters/A/corrections", `{"reason":"all of it","by":"Lim","corrections":[`+strings.Join(all, ",")+`]}`, nil)
	p := s.open("/ui/operator/meters/A", "")
	more := regexp.MustCompile(`href="([^"]*)">More corrections`).FindStringSubmatch(p.body)
	if n := strings.Count(p.body, "all of it"); n != 50 || more == nil {
		t.Fatalf("the first page has %d corrections:\n%s", n, p.body)
	}
	path, _, _ := strings.Cut(strings.ReplaceAll(more[1], "&amp;", "&"), "#")
	p = s.open(path, "")
	if n := strings.Count(p.body, "all of it"); n != 20 || p.says("More corrections") || !p.says("First corrections") {
		t.Errorf("the second page has %d corrections:\n%s", n, p.body)
	}
}
