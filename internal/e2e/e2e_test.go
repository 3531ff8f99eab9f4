package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const stampLayout = "2006-01-02T15:04:05"

// TestRealHouseholdsFromMeterToBill takes twelve real homes through the whole
// life of their readings, and asks everything again after every step that must
// not change an answer.
func TestRealHouseholdsFromMeterToBill(t *testing.T) {
	now := time.Now().In(loadSingapore(t))
	homes := loadHomes(t, now)
	s := startSuite(t)
	s.register(homes)
	s.feed(homes)
	s.comparePeriods(homes, "after the readings came")

	s.kill()
	s.comparePeriods(homes, "after SIGKILL")

	days := []time.Time{now.AddDate(0, 0, -1), now.AddDate(0, 0, -2), now.AddDate(0, 0, -10), now.AddDate(0, -1, 0)}
	for _, day := range days {
		s.archiveDay(homes, day)
	}
	s.comparePeriods(homes, "after the days were archived")

	s.archiveMonth(homes, now)
	s.comparePeriods(homes, "after the month was archived and cleared")
	s.compareBills(homes, now)

	s.restart()
	s.comparePeriods(homes, "after a restart")
	s.compareBills(homes, now)
	s.kill()
	s.comparePeriods(homes, "after SIGKILL with an archived month")
	s.compareBills(homes, now)

	s.archiveMonth(homes, now) // once more: nothing doubled, nothing lost
	for _, day := range days {
		s.archiveDay(homes, day)
	}
	s.resend(homes)
	s.comparePeriods(homes, "after everything was repeated")
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

func (s *suite) register(homes []home) {
	s.t.Helper()
	for _, h := range homes {
		var answer struct {
			MeterID string `json:"meter_id"`
			Message string
		}
		s.call(http.MethodPost, s.API.URL, "/register_account", url.Values{
			"owner_name": {"Household " + h.id}, "address": {"London"}, "meter_id": {h.id},
		}, http.StatusOK, &answer)
		if answer.MeterID != h.id || answer.Message != "Account successfully created" {
			s.t.Errorf("registering %s: %+v", h.id, answer)
		}
	}
}

// feed sends every reading, each home in its own way: one by one, or many at
// once in one of the three formats, the pieces in any order, as meters do that
// were cut off.
func (s *suite) feed(homes []home) {
	var meters sync.WaitGroup
	for i, h := range homes {
		meters.Go(func() {
			switch i % 4 {
			case 0:
				s.feedSingly(h)
			default:
				s.feedPieces(h, i%4)
			}
		})
	}
	meters.Wait()
	if s.t.Failed() {
		s.t.FailNow()
	}
}

func (s *suite) feedSingly(h home) {
	for _, r := range h.registers {
		answer, err := s.client.Post(s.API.URL+"/receive_meter_reading?"+url.Values{
			"meter_id": {h.id}, "timestamp": {r.at.Format(stampLayout)}, "reading": {r.value.String()},
		}.Encode(), "", nil)
		if err != nil {
			s.t.Error(err)
			return
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			s.t.Errorf("%s at %s: %s", h.id, r.at, answer.Status)
		}
	}
}

func (s *suite) feedPieces(h home, format int) {
	const rows = 300
	pieces := (len(h.registers) + rows - 1) / rows
	for _, piece := range rand.Perm(pieces) {
		registers := h.registers[piece*rows : min((piece+1)*rows, len(h.registers))]
		contentType, body := encodeBatch(h.id, registers, format)
		answer, err := s.client.Post(s.API.URL+"/receive_meter_readings", contentType, bytes.NewReader(body))
		if err != nil {
			s.t.Error(err)
			return
		}
		var verdict batchAnswer
		err = json.NewDecoder(answer.Body).Decode(&verdict)
		answer.Body.Close()
		if err != nil || verdict.Accepted != len(registers) || verdict.Duplicates+verdict.Rejected != 0 {
			s.t.Errorf("%d rows of %s: %+v, %v", len(registers), h.id, verdict, err)
		}
	}
}

type batchAnswer struct{ Accepted, Duplicates, Rejected int }

func encodeBatch(id string, registers []register, format int) (contentType string, body []byte) {
	var b bytes.Buffer
	row := `{"meter_id":"%s","timestamp":"%s","reading":%s}`
	switch format {
	case 1:
		b.WriteString("meter_id,timestamp,reading\n")
		row, contentType = "%s,%s,%s\n", "text/csv"
	case 2:
		row, contentType = row+"\n", "application/x-ndjson"
	default:
		contentType = "application/json"
	}
	for i, r := range registers {
		if contentType == "application/json" {
			b.WriteByte("[,"[min(i, 1)])
		}
		fmt.Fprintf(&b, row, id, r.at.Format(stampLayout), r.value)
	}
	if contentType == "application/json" {
		b.WriteByte(']')
	}
	return contentType, b.Bytes()
}

// resend is a meter that never heard the answers.
func (s *suite) resend(homes []home) {
	s.t.Helper()
	for _, h := range homes {
		contentType, body := encodeBatch(h.id, h.registers, 1)
		var verdict batchAnswer
		s.post("/receive_meter_readings", contentType, body, &verdict)
		if verdict.Duplicates != len(h.registers) || verdict.Accepted+verdict.Rejected != 0 {
			s.t.Errorf("sending %s again: %+v, want %d duplicates", h.id, verdict, len(h.registers))
		}
	}
}

// usage is what the api says was used, in a period or on a bill.
type usage struct {
	Period           string
	StartReading     json.Number `json:"start_reading"`
	EndReading       json.Number `json:"end_reading"`
	Consumption      json.Number
	StartTime        string `json:"start_time"`
	EndTime          string `json:"end_time"`
	Readings         int
	ExpectedReadings int `json:"expected_readings"`
	Complete         bool
	Code             string // of an error
}

// comparePeriods asks for every period of every home and compares each field
// with the model, exactly. The clock may pass a half hour meanwhile; then it
// asks again.
func (s *suite) comparePeriods(homes []home, when string) {
	s.t.Helper()
	for {
		now := time.Now().In(homes[0].registers[0].at.Location())
		differences := s.periodDifferences(homes, now)
		if time.Since(now.Truncate(halfHour)) >= halfHour {
			continue
		}
		for _, d := range differences {
			s.t.Errorf("%s: %s", when, d)
		}
		return
	}
}

func (s *suite) periodDifferences(homes []home, now time.Time) (differences []string) {
	for _, h := range homes {
		for _, period := range []string{"last_30min", "today", "this_week", "this_month", "last_month"} {
			from, to := h.windowOf(period, now)
			points := h.within(from, to)
			status := http.StatusOK
			if len(points) < 2 {
				status = http.StatusNotFound
			}
			var got usage
			s.call(http.MethodGet, s.API.URL, "/get_consumption", url.Values{"meter_id": {h.id}, "period": {period}}, status, &got)
			if status == http.StatusNotFound {
				if got.Code != "not_enough_readings" {
					differences = append(differences, fmt.Sprintf("%s %s: %+v, want not_enough_readings", h.id, period, got))
				}
				continue
			}
			if d := got.difference(points[0], points, expected(from, to, now)); d != "" {
				differences = append(differences, fmt.Sprintf("%s %s: %s", h.id, period, d))
			}
		}
	}
	return differences
}

// difference compares every field with the model's points.
func (u usage) difference(start register, points []register, expected int) string {
	end := points[len(points)-1]
	wanted := fmt.Sprintf("%s to %s = %s, %s to %s, %d of %d, complete %v",
		start.value, end.value, end.value.Sub(start.value), start.at.Format(stampLayout), end.at.Format(stampLayout),
		len(points), expected, len(points) == expected)
	got := fmt.Sprintf("%s to %s = %s, %s to %s, %d of %d, complete %v",
		u.StartReading, u.EndReading, u.Consumption, u.StartTime, u.EndTime, u.Readings, u.ExpectedReadings, u.Complete)
	if got != wanted {
		return fmt.Sprintf("got %s; want %s", got, wanted)
	}
	return ""
}

// compareBills checks last month's bills, by both endpoints.
func (s *suite) compareBills(homes []home, now time.Time) {
	s.t.Helper()
	for _, h := range homes {
		from, to := h.windowOf("last_month", now)
		points := h.within(from, to)
		for path, parameters := range map[string]url.Values{
			"/get_last_month_bill": {"meter_id": {h.id}},
			"/get_bill":            {"meter_id": {h.id}, "month": {from.Format("2006-01")}},
		} {
			var got usage
			s.call(http.MethodGet, s.API.URL, path, parameters, http.StatusOK, &got)
			if d := got.difference(points[0], points, expected(from, to, now)); d != "" || got.Period != from.Format("2006-01") {
				s.t.Errorf("%s of %s for %s: %s", path, h.id, got.Period, d)
			}
		}
	}
}

type performed struct {
	Success     bool
	ArchivePath string `json:"archive_path"`
}

// archiveDay has daily archive a day and compares the file, row by row.
func (s *suite) archiveDay(homes []home, day time.Time) {
	s.t.Helper()
	var answer performed
	s.call(http.MethodPost, s.Daily.URL, "/perform_daily_maintenance", url.Values{"date": {day.Format(time.DateOnly)}}, http.StatusOK, &answer)
	from := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, day.Location())
	s.compareArchive(homes, answer, "daily_"+day.Format(time.DateOnly)+".csv", from, from.AddDate(0, 0, 1))
}

// archiveMonth has monthly archive last month and compares the file, row by row.
func (s *suite) archiveMonth(homes []home, now time.Time) {
	s.t.Helper()
	var answer performed
	s.call(http.MethodPost, s.Monthly.URL, "/perform_monthly_maintenance", nil, http.StatusOK, &answer)
	from, to := homes[0].windowOf("last_month", now)
	s.compareArchive(homes, answer, "monthly_"+from.Format("2006-01")+".csv", from, to)
}

func (s *suite) compareArchive(homes []home, answer performed, name string, from, to time.Time) {
	s.t.Helper()
	var want strings.Builder
	want.WriteString("meter_id,timestamp,reading\n")
	for _, h := range homes { // they are in the order of their ids
		for _, r := range h.within(from, to.Add(-halfHour)) {
			fmt.Fprintf(&want, "%s,%s,%s\n", h.id, r.at.Format(stampLayout), r.value)
		}
	}
	got, err := os.ReadFile(filepath.Join(s.archive, name))
	if err != nil {
		s.t.Fatal(err)
	}
	if string(got) != want.String() {
		s.t.Errorf("%s has %d bytes that differ from the %d expected", name, len(got), want.Len())
	}
	if !answer.Success || answer.ArchivePath != filepath.Join(s.archive, name) {
		s.t.Errorf("the answer for %s is %+v", name, answer)
	}
}
