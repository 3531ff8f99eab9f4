package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// TestAMonthOfAThousandMetersIsThereAfterAKill also prints how long the programs
// took to be ready, which decides nothing.
func TestAMonthOfAThousandMetersIsThereAfterAKill(t *testing.T) {
	const meters, days = 1000, 31
	begun := time.Now()
	s := startSuite(t)
	t.Logf("three programs on empty folders: ready after %v", time.Since(begun).Round(time.Millisecond))

	first := time.Date(2026, time.October, 1, 0, 0, 0, 0, loadSingapore(t))
	var created struct{ Message string }
	for i := range meters {
		s.call(http.MethodPost, s.API.URL, "/register_account", url.Values{
			"owner_name": {"Owner"}, "address": {"Road"}, "meter_id": {fmt.Sprintf("M%04d", i)},
		}, http.StatusOK, &created)
	}
	begun = time.Now()
	for day := range days {
		var verdict batchAnswer
		s.post("/receive_meter_readings", "text/csv", dayOfMeters(first.AddDate(0, 0, day), day, meters), &verdict)
		if verdict.Accepted != meters*48 || verdict.Duplicates+verdict.Rejected != 0 {
			t.Fatalf("day %d: %+v", day, verdict)
		}
	}
	t.Logf("%d readings taken in %v", meters*days*48, time.Since(begun).Round(time.Millisecond))

	begun = time.Now()
	s.kill()
	t.Logf("api on a month of %d meters: ready again %v after a kill", meters, time.Since(begun).Round(time.Millisecond))
	for _, i := range []int{0, 1, meters / 2, meters - 1} {
		var got usage
		s.call(http.MethodGet, s.API.URL, "/get_consumption", url.Values{
			"meter_id": {fmt.Sprintf("M%04d", i)}, "period": {"custom"},
			"start": {"2026-10-01T00:00"}, "end": {"2026-10-31T23:30"},
		}, http.StatusOK, &got)
		want := fmt.Sprintf("%d.5", days*48-1+i)
		if got.EndReading.String() != want || got.Readings != days*48 || !got.Complete {
			t.Errorf("meter %d: %+v, want %s kWh at the end", i, got, want)
		}
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

// dayOfMeters is a day of readings of many meters: half hour by half hour the
// register advances by 1 kWh, and no two meters show the same.
func dayOfMeters(day time.Time, number, meters int) []byte {
	var b bytes.Buffer
	b.WriteString("meter_id,timestamp,reading\n")
	for slot := range 48 {
		stamp := day.Add(time.Duration(slot) * halfHour).Format(stampLayout)
		for i := range meters {
			fmt.Fprintf(&b, "M%04d,%s,%d.5\n", i, stamp, number*48+slot+i)
		}
	}
	return b.Bytes()
}
