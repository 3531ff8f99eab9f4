package rest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"meterledger/api"
	"meterledger/internal/meter"
)

// gap is where the meter of the window test has no readings, both ends included,
// in each zone.
const (
	gapFrom = "2026-09-10T05:30:00"
	gapTo   = "2026-09-10T08:00:00"
)

// windowCase asks both for the series and for the consumption of a window.
type windowCase struct {
	name, zone, start, end string
	parameters             string   // of the series
	buckets                []string // each with its two ends, what was used, and its marks
	used                   string   // in the window as a whole
	readings, expected     int      // of the window
	consumedCode           string   // the code of the error where there is no consumption
	refused, code          string   // where both are refused: the detail and the code
}

// windowCases are of a meter that uses 1 kWh in each half hour, so that what it used
// is how many half hours there are. The present is 2026-11-23T10:10:00.
var windowCases = []windowCase{
	{
		name: "hours of a day", zone: "Asia/Singapore", start: "2026-11-22T22:00", end: "2026-11-23T01:00", parameters: "interval=hour",
		buckets: []string{
			"2026-11-22T22:00:00 2026-11-22T23:00:00 2",
			"2026-11-22T23:00:00 2026-11-23T00:00:00 2",
			"2026-11-23T00:00:00 2026-11-23T01:00:00 2",
		}, used: "6", readings: 7, expected: 7,
	},
	{
		name: "days over the end of a week, a month and a year", zone: "Asia/Singapore", start: "2025-12-30T12:00", end: "2026-01-02T00:00", parameters: "interval=day",
		buckets: []string{
			"2025-12-30T12:00:00 2025-12-31T00:00:00 24 clipped",
			"2025-12-31T00:00:00 2026-01-01T00:00:00 48",
			"2026-01-01T00:00:00 2026-01-02T00:00:00 48",
		}, used: "120", readings: 121, expected: 121,
	},
	{
		name: "weeks begin on Monday, over the end of a year", zone: "Asia/Singapore", start: "2025-12-26T00:00", end: "2026-01-07T00:00", parameters: "interval=week",
		buckets: []string{
			"2025-12-26T00:00:00 2025-12-29T00:00:00 144 clipped",
			"2025-12-29T00:00:00 2026-01-05T00:00:00 336",
			"2026-01-05T00:00:00 2026-01-07T00:00:00 96 clipped",
		}, used: "576", readings: 577, expected: 577,
	},
	{
		name: "months over the end of a year, the newest first", zone: "Asia/Singapore", start: "2025-11-30T00:00", end: "2026-02-01T00:00", parameters: "interval=month&order=desc",
		buckets: []string{
			"2026-01-01T00:00:00 2026-02-01T00:00:00 1488",
			"2025-12-01T00:00:00 2026-01-01T00:00:00 1488",
			"2025-11-30T00:00:00 2025-12-01T00:00:00 48 clipped",
		}, used: "3024", readings: 3025, expected: 3025,
	},
	{
		name: "a leap February", zone: "Asia/Singapore", start: "2024-02-01T00:00", end: "2024-03-01T00:00", parameters: "interval=month",
		buckets: []string{"2024-02-01T00:00:00 2024-03-01T00:00:00 1392"}, used: "1392", readings: 1393, expected: 1393,
	},
	{
		name: "the days around 29 February", zone: "Asia/Singapore", start: "2024-02-28T00:00", end: "2024-03-02T00:00", parameters: "interval=day",
		buckets: []string{
			"2024-02-28T00:00:00 2024-02-29T00:00:00 48",
			"2024-02-29T00:00:00 2024-03-01T00:00:00 48",
			"2024-03-01T00:00:00 2024-03-02T00:00:00 48",
		}, used: "144", readings: 145, expected: 145,
	},
	{
		name: "a day of 23 hours", zone: "Europe/London", start: "2026-03-28T00:00", end: "2026-03-31T00:00", parameters: "interval=day",
		buckets: []string{
			"2026-03-28T00:00:00 2026-03-29T00:00:00 48",
			"2026-03-29T00:00:00 2026-03-30T00:00:00 46",
			"2026-03-30T00:00:00 2026-03-31T00:00:00 48",
		}, used: "142", readings: 143, expected: 143,
	},
	{
		name: "the hour that is missing", zone: "Europe/London", start: "2026-03-29T00:00", end: "2026-03-29T03:00", parameters: "interval=hour",
		buckets: []string{
			"2026-03-29T00:00:00 2026-03-29T02:00:00 2",
			"2026-03-29T02:00:00 2026-03-29T03:00:00 2",
		}, used: "4", readings: 5, expected: 5,
	},
	{
		name: "a day of 25 hours", zone: "Europe/London", start: "2026-10-24T00:00", end: "2026-10-27T00:00", parameters: "interval=day",
		buckets: []string{
			"2026-10-24T00:00:00 2026-10-25T00:00:00 48",
			"2026-10-25T00:00:00 2026-10-26T00:00:00 50",
			"2026-10-26T00:00:00 2026-10-27T00:00:00 48",
		}, used: "146", readings: 147, expected: 147,
	},
	{
		name: "the hour that comes twice", zone: "Europe/London", start: "2026-10-25T00:30", end: "2026-10-25T02:30", parameters: "interval=hour",
		buckets: []string{
			"2026-10-25T00:30:00 2026-10-25T01:00:00+01:00 1 clipped",
			"2026-10-25T01:00:00+01:00 2026-10-25T01:00:00+00:00 2",
			"2026-10-25T01:00:00+00:00 2026-10-25T02:00:00 2",
			"2026-10-25T02:00:00 2026-10-25T02:30:00 1 clipped",
		}, used: "6", readings: 7, expected: 7,
	},
	{
		name: "the weeks in which the clock changes", zone: "Europe/London", start: "2026-10-19T00:00", end: "2026-11-02T00:00", parameters: "interval=week",
		buckets: []string{
			"2026-10-19T00:00:00 2026-10-26T00:00:00 338",
			"2026-10-26T00:00:00 2026-11-02T00:00:00 336",
		}, used: "674", readings: 675, expected: 675,
	},
	{
		name: "the month in which the clock changes", zone: "Europe/London", start: "2026-03-01T00:00", end: "2026-04-01T00:00", parameters: "interval=month",
		buckets: []string{"2026-03-01T00:00:00 2026-04-01T00:00:00 1486"}, used: "1486", readings: 1487, expected: 1487,
	},
	{
		name: "a clock that is changed by half an hour", zone: "Australia/Lord_Howe", start: "2026-10-04T01:00", end: "2026-10-04T04:00", parameters: "interval=hour",
		buckets: []string{
			"2026-10-04T01:00:00 2026-10-04T02:30:00 2",
			"2026-10-04T02:30:00 2026-10-04T03:00:00 1",
			"2026-10-04T03:00:00 2026-10-04T04:00:00 2",
		}, used: "5", readings: 6, expected: 6,
	},
	{
		name: "a window that begins in a gap", zone: "Asia/Singapore", start: "2026-09-10T07:00", end: "2026-09-10T10:00", parameters: "interval=hour",
		buckets: []string{
			"2026-09-10T07:00:00 2026-09-10T08:00:00 - incomplete missing:both",
			"2026-09-10T08:00:00 2026-09-10T09:00:00 - incomplete missing:start",
			"2026-09-10T09:00:00 2026-09-10T10:00:00 2",
		}, used: "3", readings: 4, expected: 7,
	},
	{
		name: "the same, estimated", zone: "Asia/Singapore", start: "2026-09-10T07:00", end: "2026-09-10T10:00", parameters: "interval=hour&estimate=linear",
		buckets: []string{
			"2026-09-10T07:00:00 2026-09-10T08:00:00 2 incomplete estimated missing:both",
			"2026-09-10T08:00:00 2026-09-10T09:00:00 2 incomplete estimated missing:start",
			"2026-09-10T09:00:00 2026-09-10T10:00:00 2",
		}, used: "3", readings: 4, expected: 7,
	},
	{
		name: "a window that ends in a gap", zone: "Asia/Singapore", start: "2026-09-10T04:00", end: "2026-09-10T06:00", parameters: "interval=hour",
		buckets: []string{
			"2026-09-10T04:00:00 2026-09-10T05:00:00 2",
			"2026-09-10T05:00:00 2026-09-10T06:00:00 - incomplete missing:end",
		}, used: "2", readings: 3, expected: 5,
	},
	{
		name: "a gap in the middle costs no consumption", zone: "Asia/Singapore", start: "2026-09-10T00:00", end: "2026-09-11T00:00", parameters: "interval=day",
		buckets: []string{"2026-09-10T00:00:00 2026-09-11T00:00:00 48 incomplete"}, used: "48", readings: 43, expected: 49,
	},
	{
		name: "a window within a gap", zone: "Asia/Singapore", start: "2026-09-10T06:00", end: "2026-09-10T07:00", parameters: "interval=30min&order=desc&estimate=linear",
		buckets: []string{
			"2026-09-10T06:30:00 2026-09-10T07:00:00 1 incomplete estimated missing:both",
			"2026-09-10T06:00:00 2026-09-10T06:30:00 1 incomplete estimated missing:both",
		}, consumedCode: "not_enough_readings",
	},
	{
		name: "a window that reaches into the future", zone: "Asia/Singapore", start: "2026-11-22T00:00", end: "2026-11-25T00:00", parameters: "interval=day",
		buckets: []string{
			"2026-11-22T00:00:00 2026-11-23T00:00:00 48",
			"2026-11-23T00:00:00 2026-11-23T10:00:00 20 clipped",
		}, used: "68", readings: 69, expected: 69,
	},
	{
		name: "a window in the future", zone: "Asia/Singapore", start: "2026-11-24T00:00", end: "2026-11-25T00:00", parameters: "interval=day&estimate=linear",
		consumedCode: "not_enough_readings",
	},
	{
		name: "a window from the present on", zone: "Asia/Singapore", start: "2026-11-23T10:00", end: "2026-11-23T11:00",
		consumedCode: "not_enough_readings",
	},
	{
		name: "a window before the first reading", zone: "Asia/Singapore", start: "2023-12-31T22:00", end: "2024-01-01T00:00", parameters: "interval=hour&estimate=linear",
		buckets: []string{
			"2023-12-31T22:00:00 2023-12-31T23:00:00 - incomplete missing:both",
			"2023-12-31T23:00:00 2024-01-01T00:00:00 - incomplete missing:start",
		}, consumedCode: "not_enough_readings",
	},
	{name: "reversed bounds", zone: "Asia/Singapore", start: "2026-11-22T00:00", end: "2026-11-21T00:00", refused: "end must be after start", code: "invalid_parameter"},
	{name: "bounds that are the same", zone: "Asia/Singapore", start: "2026-11-22T00:00", end: "2026-11-22T00:00", refused: "end must be after start", code: "invalid_parameter"},
	{name: "a start off the grid", zone: "Asia/Singapore", start: "2026-11-22T00:10", end: "2026-11-23T00:00", refused: "start must lie on the hour or half hour", code: "invalid_timestamp"},
	{name: "an end off the grid", zone: "Asia/Singapore", start: "2026-11-22T00:00", end: "2026-11-23T00:00:01", refused: "end must lie on the hour or half hour", code: "invalid_timestamp"},
	{name: "a bound that comes twice", zone: "Europe/London", start: "2026-10-25T01:00", end: "2026-10-26T00:00", refused: "start happens twice in Europe/London: give its offset too, such as +01:00", code: "invalid_timestamp"},
	{name: "a bound that never comes", zone: "Europe/London", start: "2026-03-29T00:00", end: "2026-03-29T01:30", refused: "end does not exist in Europe/London: the clock is put forward over it", code: "invalid_timestamp"},
}

func TestWindows(t *testing.T) {
	for _, zone := range []string{"Asia/Singapore", "Europe/London", "Australia/Lord_Howe"} {
		for _, archived := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s archived %v", zone, archived), func(t *testing.T) {
				s := newScriptIn(t, "windows", vfs.NewMem(), zone)
				s.fillOneEachHalfHour()
				if archived {
					for _, month := range []string{"2024-02", "2025-12", "2026-01", "2026-03", "2026-09", "2026-10"} {
						s.run("POST /maintenance/start?maintenance_type=monthly&month=" + month + "\n=> 200")
					}
				}
				for _, c := range windowCases {
					if c.zone == zone {
						t.Run(c.name, func(t *testing.T) { c.check(t, s) })
					}
				}
			})
		}
	}
}

// fillOneEachHalfHour registers meter A, which has used 1 kWh in each half hour since
// 2024 began.
func (s *script) fillOneEachHalfHour() {
	s.t.Helper()
	if err := s.node.Register(s.t.Context(), "A", "Tan", "Road"); err != nil {
		s.t.Fatal(err)
	}
	slot := func(stamp string) meter.Slot {
		slot, err := s.zone.ParseSlot("timestamp", stamp)
		if err != nil {
			s.t.Fatal(err)
		}
		return slot
	}
	first, gap := slot("2024-01-01T00:00"), meter.Window{From: slot(gapFrom), To: slot(gapTo)}
	var readings []meter.Reading
	for at := first; at <= s.zone.Floor(s.now); at++ {
		if register, _ := meter.RegisterFromParts(int64(at-first), 0); !gap.Contains(at) {
			readings = append(readings, meter.Reading{Meter: "A", Slot: at, Register: register})
		}
	}
	recordMany(s.t, s.node, readings)
}

func (c windowCase) check(t *testing.T, s *script) {
	window := "meter_id=A&start=" + url.QueryEscape(c.start) + "&end=" + url.QueryEscape(c.end)
	var series api.Intervals
	var used api.Usage
	seriesProblem := s.get(t, "/get_readings?"+window+"&"+c.parameters, &series)
	usedProblem := s.get(t, "/get_consumption?period=custom&"+window, &used)
	if c.refused != "" {
		for _, problem := range []problem{seriesProblem, usedProblem} {
			if problem.Status != http.StatusBadRequest || problem.Code != c.code || problem.Detail != c.refused {
				t.Errorf("the answer is %+v, want 400 %s: %s", problem, c.code, c.refused)
			}
		}
		return
	}
	var got []string
	for _, interval := range series.Results {
		got = append(got, describe(interval))
	}
	if diff := cmp.Diff(c.buckets, got); diff != "" {
		t.Errorf("buckets (-want +got):\n%s", diff)
	}
	if usedProblem.Code != c.consumedCode {
		t.Fatalf("the consumption is %+v, want the code %q", usedProblem, c.consumedCode)
	}
	if c.consumedCode == "" && (used.Consumption.String() != c.used || used.Readings != c.readings || used.ExpectedReadings != c.expected ||
		used.Complete != (c.readings == c.expected)) {
		t.Errorf("the consumption is %+v, want %s of %d of %d readings", used, c.used, c.readings, c.expected)
	}
}

// describe writes an interval with the marks that are not the usual ones.
func describe(i api.Interval) string {
	used := "-"
	if i.Consumption != nil {
		used = i.Consumption.String()
	}
	text := i.Start + " " + i.End + " " + used
	for _, mark := range []struct {
		name string
		set  bool
	}{{"clipped", i.Clipped}, {"incomplete", !i.Complete}, {"estimated", i.Estimated}} {
		if mark.set {
			text += " " + mark.name
		}
	}
	if i.Missing != nil {
		text += " missing:" + *i.Missing
	}
	return text
}

// problem is an error as its caller sees it; without a code it is none.
type problem struct {
	Status       int
	Code, Detail string
}

// get asks for a path and decodes the answer into what into points to.
func (s *script) get(t fataler, path string, into any) (p problem) {
	t.Helper()
	answer, err := s.client.Get(s.server.URL + path)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		into = &p
	}
	decode(t, answer, into)
	return p
}

func decode(t fataler, answer *http.Response, into any) {
	t.Helper()
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		t.Fatalf("reading the answer to %s: %v", answer.Request.URL, err)
	}
}

// fataler is what a test and a property have in common.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}
