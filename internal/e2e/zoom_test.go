package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// zoomIn draws the half hours of a year, reads the table of all of them page by page, and then looks at
// the last day.
const zoomIn = `(async () => {
	const part = (name) => document.getElementById("zoom-" + name);
	const press = (what, changes) => new Promise(done => {
		new MutationObserver((_, watch) => { watch.disconnect(); done() }).observe(changes, {childList: true});
		document.querySelector("#zoom " + what).click();
	});
	const rows = () => [...part("table").rows].map(row => {
		const [time, used, note] = row.cells;
		return [time.firstChild.dateTime, used.firstChild.value, used.innerText, note.innerText];
	});
	await press("#zoom-draw", part("table"));
	const seen = {All: part("says").innerText, Rows: rows()};
	for (let next; !(next = document.querySelector("[data-page='1']")).disabled; ) {
		await press("[data-page='1']", part("table"));
		seen.Rows.push(...rows());
	}
	await press("[data-span='48']", part("table"));
	seen.Day = part("says").innerText;
	await press("[data-step='-1']", part("table"));
	seen.DayBefore = rows();
	return seen;
})()`

func TestTheNumbersOfTheYearsChartAreInItsTable(t *testing.T) {
	tab := browse(t)
	s := startSuite(t)
	s.call(http.MethodPost, s.API.URL, "/register_account", url.Values{"meter_id": {"A"}, "owner_name": {"Tan"}, "address": {"Road"}}, http.StatusOK, new(any))
	from := time.Date(time.Now().Year()-1, 3, 5, 8, 30, 0, 0, s.zone.Location())
	stamp := func(n int) string { return from.Add(time.Duration(n) * 30 * time.Minute).Format("2006-01-02T15:04:05") }
	const halfHours = 150
	rows := &strings.Builder{}
	rows.WriteString("meter_id,timestamp,reading\n")
	for n := range halfHours + 1 {
		if n != 60 {
			fmt.Fprintf(rows, "A,%s,%d.%03d\n", stamp(n), 7+n*n/1000, n*n%1000)
		}
	}
	s.post("/receive_meter_readings", "text/csv", []byte(rows.String()), new(any))

	seen, err := evaluate[struct {
		All, Day        string
		Rows, DayBefore [][]string
	}](tab, fmt.Sprintf("%s/ui/meters/A/usage?by=year&at=%s", s.API.URL, stamp(0)[:10]), zoomIn)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Results []struct {
			Start       string `json:"interval_start"`
			Consumption string `json:"consumption"`
			Estimated   bool   `json:"estimated"`
		} `json:"results"`
	}
	s.call(http.MethodGet, s.API.URL, "/get_readings", url.Values{
		"meter_id": {"A"}, "start": {stamp(0)}, "end": {stamp(halfHours)}, "estimate": {"auto"}, "numbers": {"string"}, "page_size": {"1000"},
	}, http.StatusOK, &answer)
	var want [][]string
	for _, half := range answer.Results {
		want = append(want, []string{half.Start, half.Consumption, half.Consumption, map[bool]string{true: "estimated"}[half.Estimated]})
	}
	if diff := cmp.Diff(want, seen.Rows); diff != "" || len(want) != halfHours {
		t.Errorf("%d half hours of the api beside the table's:\n%s", len(want), diff)
	}
	if diff := cmp.Diff(want[halfHours-96:halfHours-48], seen.DayBefore); diff != "" {
		t.Errorf("the table of the day before the last:\n%s", diff)
	}
	if !strings.HasSuffix(seen.All, ": 150 half hours, 2 of them estimated.") || !strings.HasSuffix(seen.Day, ": 48 half hours, none of them estimated.") {
		t.Errorf("it says %q of all and %q of the last day", seen.All, seen.Day)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}
