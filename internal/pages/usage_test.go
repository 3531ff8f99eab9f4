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
	"time"

	"meterledger/internal/meter"
)

const stampLayout = "2006-01-02T15:04:05"

// usageHome is a meter with a life: its readings begin and end within a day; one is missing, five in a
// row, and all of a day over the end of a month; and it was exchanged.
type usageHome struct {
	*suite
	first, last time.Time
}

func startUsageHome(t *testing.T) *usageHome {
	t.Helper()
	h := &usageHome{suite: start(t)}
	h.first, h.last = h.at("2026-09-10T06:00:00"), h.at("2026-11-23T09:30:00")
	h.register("A")
	var registers []string
	for at, wh := h.first, 1_000_000; !at.After(h.last); at = at.Add(30 * time.Minute) {
		switch stamp := at.Format(stampLayout); {
		case stamp == "2026-11-20T12:00:00", stamp >= "2026-11-22T13:30:00" && stamp <= "2026-11-22T15:30:00", stamp >= "2026-10-31T12" && stamp < "2026-11-01T12":
			registers = append(registers, "")
		case stamp > "2026-11-10T12:10":
			registers = append(registers, fmt.Sprintf("%d.%03d", wh/1000-1000, wh%1000))
		default:
			registers = append(registers, fmt.Sprintf("%d.%03d", wh/1000, wh%1000))
		}
		if at.Format(stampLayout) == "2026-11-10T12:00:00" {
			h.record("A", h.first.Format(stampLayout), registers...)
			now := fmt.Sprintf("%d.%03d", wh/1000, wh%1000)
			h.ask(http.MethodPost, "/meters/A/exchange?at=2026-11-10T12:10:00&reason=exchange&new_serial=N-2&old_reading="+now+
				fmt.Sprintf("&new_reading=%d.%03d", wh/1000-1000, wh%1000), "", nil)
			registers = make([]string, len(registers)) // those were sent
		}
		wh += 20 + at.Hour()*at.Day()*37%900
	}
	h.record("A", h.first.Format(stampLayout), registers...)
	return h
}

// cells returns the text of the cells of each row that begins with a time, the first what programs read.
func (p *page) cells() (rows [][]string) {
	for _, row := range regexp.MustCompile(`(?s)<tr><th scope="row">.*?</tr>`).FindAllString(p.body, -1) {
		begins := regexp.MustCompile(`datetime="([^"]*)"`).FindStringSubmatch(row)
		if begins == nil { // of a heat map, or a table of nights
			continue
		}
		cells := []string{html.UnescapeString(begins[1])}
		for _, cell := range regexp.MustCompile(`(?s)<td[^>]*>(.*?)</td>`).FindAllStringSubmatch(row, -1) {
			cells = append(cells, html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(cell[1], "")))
		}
		rows = append(rows, cells)
	}
	return rows
}

// TestThePagesOfAPeriodSayWhatTheApiAnswers asks both the same about periods of all spans, in which the
// meter's readings begin, end, are missing or of another dial.
func TestThePagesOfAPeriodSayWhatTheApiAnswers(t *testing.T) {
	h := startUsageHome(t)
	compared := 0
	for _, c := range []struct{ by, interval, from, to string }{
		{"day", "30min", "2026-11-23", "2026-11-24"},
		{"day", "30min", "2026-11-22", "2026-11-23"},
		{"day", "30min", "2026-11-10", "2026-11-11"},
		{"day", "30min", "2026-10-31", "2026-11-01"},
		{"day", "30min", "2026-09-10", "2026-09-11"},
		{"week", "day", "2026-11-23", "2026-11-30"},
		{"week", "day", "2026-10-26", "2026-11-02"},
		{"week", "day", "2026-09-07", "2026-09-14"},
		{"month", "day", "2026-11-01", "2026-12-01"},
		{"month", "day", "2026-10-01", "2026-11-01"},
		{"month", "day", "2026-09-01", "2026-10-01"},
		{"year", "month", "2026-01-01", "2027-01-01"},
	} {
		got := h.open("/ui/meters/A/usage?by="+c.by+"&at="+c.from+"&compare=none", "")
		window := url.Values{"meter_id": {"A"}, "estimate": {"auto"}, "numbers": {"string"}}
		window.Set("start", max(c.from+"T00:00:00", h.first.Format(stampLayout)))
		window.Set("end", min(c.to+"T00:00:00", h.last.Format(stampLayout)))
		var used struct {
			Consumption string
			Start       string `json:"start_time"`
			End         string `json:"end_time"`
		}
		h.ask(http.MethodGet, "/get_consumption?period=custom&"+window.Encode(), "", &used)
		if said := got.data(t, "kwh"); len(said) == 0 || said[0] != used.Consumption {
			t.Errorf("%s of %s: the page says %v, the api %s", c.by, c.from, said, used.Consumption)
		}
		got.want(t, `<time datetime="`+used.Start+`">`, `<time datetime="`+used.End+`">`)
		compared += h.wantRows(got, "/get_readings?interval="+c.interval+"&"+window.Encode())
	}
	var today struct{ Consumption string }
	h.ask(http.MethodGet, "/get_consumption?meter_id=A&period=today&numbers=string", "", &today)
	if said := h.open("/ui/meters/A", "").data(t, "kwh"); said[0] != today.Consumption {
		t.Errorf("today: the page says %s, the api %s", said[0], today.Consumption)
	}
	if compared < 200 {
		t.Errorf("only %d rows were compared", compared)
	}
}

// wantRows wants the rows of a page to say what the api answers at a path of half hours, days or months, and
// returns how many of them it tells of.
func (h *usageHome) wantRows(got *page, path string) (compared int) {
	h.t.Helper()
	var series struct {
		Results []struct {
			Start       string `json:"interval_start"`
			Consumption *string
			End         *string `json:"end_reading"`
			Estimated   bool
			Changes     []any `json:"register_changes"`
		}
	}
	h.ask(http.MethodGet, path, "", &series)
	rows := got.cells()
	for _, want := range series.Results {
		row := slices.IndexFunc(rows, func(row []string) bool { return strings.HasPrefix(want.Start, row[0]) })
		if row < 0 {
			h.t.Errorf("%s has no row of %s", got.path, want.Start)
			continue
		}
		cells := rows[row]
		if rows = slices.Delete(rows, row, row+1); want.Consumption == nil {
			h.t.Fatalf("%s: all of it lies between two readings", want.Start)
		}
		if !got.says(">Note<") {
			cells = slices.Insert(cells, 2, "")
		}
		if cells[1] != *want.Consumption || cells[3] != *want.End {
			h.t.Errorf("%s: row %v, but the api says %s until %s", got.path, cells, *want.Consumption, *want.End)
		}
		if strings.Contains(cells[2], "estimated") != want.Estimated || strings.Contains(cells[2], "meter exchanged") != (len(want.Changes) > 0) {
			h.t.Errorf("%s: row %v, but the api says estimated %v, changes %v", got.path, cells, want.Estimated, want.Changes)
		}
	}
	for _, cells := range rows { // what the api does not tell is before the first reading, or not known yet
		if cells[1] != "–" || cells[2] != "not known yet" && cells[2] != "before the first reading" {
			h.t.Errorf("%s: row %v, of which the api says nothing", got.path, cells)
		}
	}
	return len(series.Results)
}

func TestTheNumbersOfAChartStandInItsTable(t *testing.T) {
	h := startUsageHome(t)
	for _, by := range []string{"day", "week", "month", "year"} {
		got := h.open("/ui/meters/A/usage?at=2026-11-22&by="+by, "")
		said := got.data(t, "kwh")
		drawn := regexp.MustCompile(`([0-9.]+) kWh`).FindAllStringSubmatch(strings.Join(regexp.MustCompile(`<g><title>[^<]*</title>`).FindAllString(got.body, -1), " "), -1)
		if len(drawn) < 2 {
			t.Errorf("%s: there are no bars", by)
		}
		for _, kwh := range drawn {
			if !slices.Contains(said, kwh[1]) {
				t.Errorf("%s: %s kWh is drawn, but not in the table", by, kwh[1])
			}
		}
	}
}

// TestAPeriodIsComparedWithTheSamePartOfOthers: the readings are 100 Wh a half hour in the last month and
// 200 since; a year before 400.
func TestAPeriodIsComparedWithTheSamePartOfOthers(t *testing.T) {
	s := start(t)
	s.register("A")
	s.record("A", "2025-11-01T00:00", count(30*48+1, 1000, 400)...)
	s.record("A", "2026-10-01T00:00", count(31*48+1, 1_000_000, 100)...)
	s.record("A", "2026-11-01T00:30", count(22*48+20, 1_000_000+31*4800+200, 200)...) // to 10:00
	s.open("/ui/meters/A", "").want(t,
		`<data value="4" class="kwh">4</data>`, "Sun 22 Nov 2026</a>", "as much",
		`<data value="215.2" class="kwh">215.2</data>`, "about 281 kWh in the whole month", "10 minutes ago", `Register <data value="1364" class="kwh">`)
	month := s.open("/ui/meters/A/usage?by=month&at=2026-11-05", "")
	month.want(t,
		"October 2026</a>", `<data value="107.6" class="kwh">107.6</data>`, `<time datetime="2026-10-23T10:00:00">`, "This month: 107.6 kWh (100 %) more.",
		"November 2025</a>", `<data value="430.4" class="kwh">430.4</data>`, "This month: 215.2 kWh (50 %) less.",
		"about 281 kWh", "like the 28 days before Mon 23 Nov 2026 10:00")
	october := s.open("/ui/meters/A/usage?by=month&at=2026-10-05", "")
	october.want(t, `<data value="148.8" class="kwh">148.8</data>`, "All 1,489 readings are there.")
	s.open("/ui/meters/A/usage?by=month&at=2025-11-05&compare=year", "").want(t, "Nothing is known of November 2024 to stand beside it.")
	if october.says("about ") {
		t.Error("it says what October will be, which has ended")
	}
	october.want(t, "September 2026</a>", "1,440 readings missing.", "estimated from those around it") // all of it lies between two readings
	for compare, beside := range map[string]string{"before": "4.8", "year": "19.2", "none": ""} {
		cells := s.open("/ui/meters/A/usage?by=month&at=2026-11-05&compare="+compare, "").cells()
		if beside == "" && len(cells[4]) != 4 || beside != "" && (cells[4][2] != beside || cells[4][1] != "9.6") {
			t.Errorf("compared with %s: the 5th is %v, want %q", compare, cells[4], beside)
		}
		if len(cells) != 30 {
			t.Errorf("November has %d rows", len(cells))
		}
	}
}

func TestAGuessNeedsAWeekAndFollowsTheLastFour(t *testing.T) {
	s := start(t)
	s.register("young", "old")
	s.record("young", "2026-11-17T00:00", count(6*48+21, 0, 1000)...)
	s.record("old", "2026-10-01T00:00", count(26*48, 0, 5000)...) // which counts no more from the 26th 10:00 on
	s.record("old", "2026-10-26T23:30", count(27*48+22, 26*48*5000-5000, 1000)...)
	if got := s.open("/ui/meters/young/usage", ""); got.says("about ") {
		t.Errorf("after 6 days it says what the month will be:\n%s", got.body)
	}
	s.setNow("2026-11-24T10:10:00")
	s.record("young", "2026-11-23T10:00", count(49, (6*48+20)*1000, 1000)...)
	s.open("/ui/meters/young", "").want(t, "about 672 kWh in the whole month") // 356 since the 17th, 316 to come
	// 1,077 kWh so far; in the 28 days 27 half hours of 5 kWh and 1,317 of 1; 363 half hours to come.
	s.open("/ui/meters/old/usage", "").want(t, "about 1469 kWh")
}

func TestAPageSaysInWordsWhatIsNotKnown(t *testing.T) {
	s := start(t)
	s.register("none", "one", "late", "new")
	s.record("one", "2026-11-23T00:00", "5")
	s.record("late", "2026-11-22T00:00", count(48+3, 0, 10)...)
	s.record("new", "2026-11-23T09:00", count(3, 0, 10)...)
	for path, words := range map[string][]string{
		"none":                             {"This meter has not sent any reading yet."},
		"none/usage":                       {"This meter has not sent any reading yet."},
		"one":                              {"Energy is what lies between two readings", "No reading has come for 10 hours", `Register <data value="5"`},
		"late":                             {"No reading has come for 9 hours", `datetime="2026-11-23T01:00:00"`, ">0.02<"},
		"late/usage?by=day&at=2026-11-21":  {"The first reading that can be shown is of Sun 22 Nov 2026 00:00."},
		"late/usage?by=day&at=2026-11-24":  {"This lies ahead."},
		"late/usage?by=week&at=2026-11-29": {">0.02<"},
		"new/usage?by=month":               {"from <time datetime=\"2026-11-23T09:00:00\">", "All 3 readings are there."},
		"new/usage?by=month&at=2026-10-31": {"The first reading that can be shown is of Mon 23 Nov 2026 09:00."},
	} {
		s.open("/ui/meters/"+path, "").want(t, words...)
	}
	if s.open("/ui/meters/new", "").says("No reading has come") {
		t.Error("a reading of ten minutes ago is late")
	}
	s.setNow("2026-11-25T10:10:00")
	s.open("/ui/meters/late", "").want(t, "No reading of this time can be shown. The last one is of Mon 23 Nov 2026 01:00.", "No reading has come for 2 days", "Meter <bdi>late</bdi>.")
}

func TestAPageTellsWhichReadingsAreMissingAndWhatIsEstimated(t *testing.T) {
	h := startUsageHome(t)
	h.open("/ui/meters/A/usage?by=month", "").want(t,
		"Of 1,076 readings, 30 are missing.", "Sun 1 Nov 2026 00:00 to 11:30 (24 readings)", "; Fri 20 Nov 2026 12:00; ", "Sun 22 Nov 2026 13:30 to 15:30 (5 readings)",
		"A register at one of its ends is estimated", `class="bar estimated"`,
		`<time datetime="2026-11-10T12:10:00">Tue 10 Nov 2026 12:10</time>: meter exchanged.`, "Serial number of the new meter: <bdi>N-2</bdi>")
	h.open("/ui/meters/A/usage?by=day&at=2026-11-20", "").want(t, "Of 49 readings, 1 is missing.")
	corrected := `{"reason":"misread","by":"a test","corrections":[{"timestamp":"2026-11-19T12:00:00","expect":` +
		h.shown("2026-11-19T12:00:00") + `,"reading":` + h.shown("2026-11-19T11:30:00") + `}]}`
	h.ask(http.MethodPost, "/meters/A/corrections", corrected, nil)
	rows := h.open("/ui/meters/A/usage?by=day&at=2026-11-19", "").cells()
	if rows[23][1] != "0" || rows[23][3] != "corrected" || rows[24][3] != "corrected" || rows[25][3] != "" {
		t.Errorf("around a corrected reading: %v", rows[23:26])
	}
}

// shown returns what the meter showed at a time.
func (h *usageHome) shown(stamp string) string {
	h.t.Helper()
	var series struct {
		Results []struct {
			Start string `json:"start_reading"`
		}
	}
	h.ask(http.MethodGet, "/get_readings?meter_id=A&numbers=string&page_size=1&start="+stamp, "", &series)
	return series.Results[0].Start
}

func TestArrowsLeadAsFarAsThereIsSomethingToSee(t *testing.T) {
	h := startUsageHome(t)
	for path, want := range map[string][2]bool{ // arrows back and on
		"by=month&at=2026-11-05": {true, false}, "by=month&at=2026-10-05": {true, true}, "by=month&at=2026-09-05": {false, true},
		"by=year": {false, false}, "by=day&at=2026-09-10": {false, true}, "by=day": {true, false},
	} {
		got := h.open("/ui/meters/A/usage?"+path, "")
		if got.says(`rel="prev"`) != want[0] || got.says(`rel="next"`) != want[1] {
			t.Errorf("%s: arrows are not %v", path, want)
		}
	}
	h.open("/ui/meters/A/usage?by=week&at=2026-11-01&compare=year", "").want(t,
		`rel="prev" href="/ui/meters/A/usage?at=2026-10-19&amp;by=week&amp;compare=year"`,
		`rel="next" href="/ui/meters/A/usage?at=2026-11-02&amp;by=week&amp;compare=year"`,
		`href="/ui/meters/A/usage?at=2026-11-23&amp;by=week&amp;compare=year">This week</a>`,
		`href="/ui/meters/A/usage?at=2026-11-01&amp;by=day&amp;compare=year">Day</a>`,
		`value="year" selected`, `value="2026-11-01" max="2026-11-23"`,
		`href="/get_readings?end=2026-11-02T00%3A00%3A00&amp;format=csv&amp;meter_id=A&amp;start=2026-10-26T00%3A00%3A00"`)
}

func TestABadQuestionAboutUsageNamesItsField(t *testing.T) {
	s := start(t)
	s.register("A")
	for path, want := range map[string]int{
		"A/usage?by=hour": http.StatusBadRequest, "A/usage?at=1999-12-31": http.StatusBadRequest, "A/usage?at=soon": http.StatusBadRequest,
		"A/usage?compare=neighbour": http.StatusBadRequest, "A/usage?month=2026-11": http.StatusBadRequest, "B/usage": http.StatusNotFound, "B": http.StatusNotFound,
		"A/usage?at=9999-12-31&by=year": http.StatusOK, "A/usage?at=2000-01-01&by=year&compare=year": http.StatusOK, "A/usage?at=2026-11-22T13:30:00": http.StatusOK,
	} {
		if got := s.get("/ui/meters/"+path, ""); got.status != want {
			t.Errorf("%s: %d, want %d:\n%s", path, got.status, want, got.body)
		}
	}
}

// TestTheHalfHoursOfADayWhoseClockIsPutBackStandBesideTheirClock: London had 01:00 and 01:30 twice on 25 October.
func TestTheHalfHoursOfADayWhoseClockIsPutBackStandBesideTheirClock(t *testing.T) {
	s := startIn(t, "Europe/London", false)
	s.register("A")
	s.record("A", "2026-10-24T00:00", count(2*48+3, 0, 1000)...)
	rows := s.open("/ui/meters/A/usage?by=day&at=2026-10-25", "").cells()
	if len(rows) != 50 {
		t.Fatalf("the day has %d rows", len(rows))
	}
	for i, want := range [][]string{2: {"2026-10-25T01:00:00+01:00", "1", "–"}, 4: {"2026-10-25T01:00:00+00:00", "1", "–"}, 6: {"2026-10-25T02:00:00", "1", "1"}} {
		if want != nil && !slices.Equal(rows[i][:3], want) {
			t.Errorf("row %d is %v, want %v", i, rows[i], want)
		}
	}
}

func TestAHouseholdSeesItsTimeOfItsMeterOnly(t *testing.T) {
	s := startGuarded(t)
	s.register("A", "B")
	s.record("A", "2026-11-01T00:00", count(22*48+20, 0, 10)...)
	own := s.issue(meter.RoleHousehold, "A")
	s.open("/ui/meters/A", own).want(t, ">0.19<")
	if got := s.get("/ui/meters/B", own); got.status != http.StatusNotFound {
		t.Errorf("another home: %d", got.status)
	}
	until := s.issueWithin(t, "A", "2026-11-03T00:00:00", "2026-11-10T00:00:00")
	s.open("/ui/meters/A/usage", until).want(t, `<time datetime="2026-11-03T00:00:00">`, `<time datetime="2026-11-10T00:00:00">`, ">3.36<")
	got := s.open("/ui/meters/A", until)
	got.want(t, "No reading of this time can be shown. The last one is of Tue 10 Nov 2026 00:00.")
	if got.says("No reading has come") {
		t.Error("who has moved out is told that readings are late")
	}
}

// issueWithin returns a household's token for a part of time.
func (s *suite) issueWithin(t *testing.T, id meter.ID, from, until string) string {
	t.Helper()
	var issued struct{ Token string }
	s.ask(http.MethodPost, "/credentials?"+url.Values{"role": {"household"}, "label": {"a test"}, "meters": {string(id)}, "from": {from}, "until": {until}}.Encode(), "", &issued)
	return issued.Token
}
